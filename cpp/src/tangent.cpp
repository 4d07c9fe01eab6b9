#include "mgres/tangent.hpp"

#include <algorithm>

#include "mgres/products.hpp"
#include "mgres/simd.hpp"

namespace mgres {

namespace {

// ---- forward -------------------------------------------------------------------------------------

/// to = from + weight k for a k that has just been computed, and the same for the tangents.
template <class S>
struct Target {
  const S* from;
  const S* from_dot;
  S* to;
  S* to_dot;
  S weight;
};

/// sigma''(z), given sigma(z) and sigma'(z); zero at kinks.
template <Activation activation, class S>
inline Pack<S> second_derivative(const Pack<S>& z, const Pack<S>& value, const Pack<S>& slope) {
  if constexpr (activation == Activation::tanh) {
    return -2 * value * slope;
  } else if constexpr (activation == Activation::logistic) {
    return slope * (1 - 2 * value);
  } else if constexpr (activation == Activation::smooth_relu) {
    const auto w = static_cast<S>(kSmoothReluWidth);
    return select<S>((z > -w) & (z < w), broadcast(1 / (2 * w)), Pack<S>{});
  } else {
    return Pack<S>{};
  }
}

/// From z and zdot, `size` numbers each, to the targets and what is kept.
template <class S, Activation activation>
void end_stage(Index size, const S* z, const S* z_dot, const Stage<S>& stage,
               const Target<S>* targets, int count) {
  for (Index i = 0; i < size; i += kLanes<S>) {
    const Pack<S> before = load(z + i);
    const Pack<S> dot = load(z_dot + i);
    Pack<S> value = before, slope{};
    activate<activation, S>(value, slope);
    store(stage.slope + i, slope);
    if (stage.bend != nullptr)
      store(stage.bend + i, second_derivative<activation, S>(before, value, slope) * dot);
    const Pack<S> value_dot = slope * dot;
    for (int t = 0; t < count; ++t) {
      const Target<S>& to = targets[t];
      store(to.to + i, load(to.from + i) + to.weight * value);
      store(to.to_dot + i, load(to.from_dot + i) + to.weight * value_dot);
    }
  }
}

template <class S>
using EndStage = void (*)(Index, const S*, const S*, const Stage<S>&, const Target<S>*, int);

template <class S>
EndStage<S> end_stage_for(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return end_stage<S, Activation::relu>;
    case Activation::tanh:
      return end_stage<S, Activation::tanh>;
    case Activation::logistic:
      return end_stage<S, Activation::logistic>;
    case Activation::identity:
      return end_stage<S, Activation::identity>;
    case Activation::smooth_relu:
      return end_stage<S, Activation::smooth_relu>;
  }
  return nullptr;
}

// ---- backward ------------------------------------------------------------------------------------

/// A term weight * from of the adjoint r of a stage, and the same for its derivative.
template <class S>
struct Source {
  const S* from;  // null for Gauss-Newton
  const S* from_dot;
  S weight;
};

/// s_dot and, unless `s` is null, s itself, from the sum of the sources.
template <class S, bool second>
void begin_stage(Index size, const Stage<S>& stage, const Source<S>* sources, int count, S* s,
                 S* s_dot) {
  for (Index i = 0; i < size; i += kLanes<S>) {
    Pack<S> r{}, r_dot{};
    for (int t = 0; t < count; ++t) {
      if constexpr (second) r += sources[t].weight * load(sources[t].from + i);
      r_dot += sources[t].weight * load(sources[t].from_dot + i);
    }
    const Pack<S> slope = load(stage.slope + i);
    if constexpr (second) {
      store(s + i, slope * r);
      store(s_dot + i, slope * r_dot + load(stage.bend + i) * r);
    } else {
      store(s_dot + i, slope * r_dot);
    }
  }
}

template <class S>
void add(Index size, const S* x, S* sum) {
  for (Index i = 0; i < size; i += kLanes<S>) store(sum + i, load(sum + i) + load(x + i));
}

}  // namespace

template <class S>
Index TangentLayer<S>::size() const {
  return width * kLanes<S> * blocks;
}

template <class S>
void forward_tangent(const TangentLayer<S>& layer, const Tableau& tableau, const Stage<S>* stages,
                     S* out, S* out_dot, S* scratch) {
  const Index v = layer.width;
  const Index n = layer.size();
  const S *W = layer.parameters, *W_dot = layer.direction;
  S *z = scratch, *z_dot = scratch + n;
  const EndStage<S> end = end_stage_for<S>(layer.activation);
  for (int i = 0; i < tableau.stages; ++i) {
    const Stage<S>& stage = stages[i];
    multiply<S>(v, v, layer.blocks, Start::bias, W + v * v, {W, v, 1, stage.x}, {}, z);
    const Factor<S> own{W, v, 1, stage.x_dot};
    if (W_dot == nullptr)
      multiply<S>(v, v, layer.blocks, Start::zero, nullptr, own, {}, z_dot);
    else
      multiply<S>(v, v, layer.blocks, Start::bias, W_dot + v * v, own, {W_dot, v, 1, stage.x},
                  z_dot);

    // the first stage starts every sum at y
    Target<S> targets[kMaxStages];
    int count = 0;
    const auto add_target = [&](double factor, S* to, S* to_dot) {
      const S weight = layer.step * static_cast<S>(factor);
      if (factor != 0) {
        targets[count++] = {i == 0 ? stage.x : to, i == 0 ? stage.x_dot : to_dot, to, to_dot,
                            weight};
      } else if (i == 0) {
        std::copy_n(stage.x, n, to);
        std::copy_n(stage.x_dot, n, to_dot);
      }
    };
    for (int j = i + 1; j < tableau.stages; ++j)
      add_target(tableau.a[j][i], stages[j].x, stages[j].x_dot);
    add_target(tableau.b[i], out, out_dot);
    end(n, z, z_dot, stage, targets, count);
  }
}

template <class S>
void backward_tangent(const TangentLayer<S>& layer, const Tableau& tableau, const Stage<S>* stages,
                      S* a, S* a_dot, S* gradient, S* scratch) {
  const Index v = layer.width;
  const Index n = layer.size();
  const bool second = a != nullptr;
  const S *W = layer.parameters, *W_dot = layer.direction;
  S *s_dot = scratch, *s = scratch + n;  // side by side, like the stage's x and x_dot
  S* adjoints = scratch + 2 * n;         // c and cdot of all stages but the first
  S* outer = adjoints + 2 * n * (tableau.stages - 1);
  const auto c = [&](int i) { return adjoints + 2 * n * (i - 1); };

  for (int i = tableau.stages - 1; i >= 0; --i) {
    Source<S> sources[kMaxStages];
    int count = 0;
    const auto add_source = [&](double factor, const S* from, const S* from_dot) {
      if (factor != 0) sources[count++] = {from, from_dot, layer.step * static_cast<S>(factor)};
    };
    add_source(tableau.b[i], a, a_dot);
    for (int j = i + 1; j < tableau.stages; ++j) add_source(tableau.a[j][i], c(j), c(j) + n);
    if (second)
      begin_stage<S, true>(n, stages[i], sources, count, s, s_dot);
    else
      begin_stage<S, false>(n, stages[i], sources, count, nullptr, s_dot);

    // the first stage comes last, when A is no longer needed: it adds to A itself
    const Start start = i == 0 ? Start::out : Start::zero;
    S* c_dot = i == 0 ? a_dot : c(i) + n;
    const Factor<S> own{W, 1, v, s_dot};
    if (second) {
      multiply<S>(v, v, layer.blocks, start, nullptr, {W, 1, v, s}, {}, i == 0 ? a : c(i));
      const Factor<S> other{W_dot, 1, v, s};
      multiply<S>(v, v, layer.blocks, start, nullptr, own, other, c_dot);
    } else {
      multiply<S>(v, v, layer.blocks, start, nullptr, own, {}, c_dot);
    }
    if (gradient != nullptr) {
      const Index blocks = second ? 2 * layer.blocks : layer.blocks;
      add_outer<S>(v, v, blocks, s_dot, stages[i].x, gradient, outer);
      add_sums<S>(v, layer.blocks, s_dot, gradient + v * v, outer);
    }
  }
  for (int i = 1; i < tableau.stages; ++i) {
    if (second) add(n, c(i), a);
    add(n, c(i) + n, a_dot);
  }
}

template <class S>
Index tangent_scratch(Index width, Index blocks, int stages) {
  return 2 * stages * width * kLanes<S> * blocks + outer_scratch<S>(width, width, 2 * blocks);
}

#define MGRES_INSTANTIATE(S)                                                                     \
  template struct TangentLayer<S>;                                                               \
  template void forward_tangent<S>(const TangentLayer<S>&, const Tableau&, const Stage<S>*, S*,  \
                                   S*, S*);                                                      \
  template void backward_tangent<S>(const TangentLayer<S>&, const Tableau&, const Stage<S>*, S*, \
                                    S*, S*, S*);                                                 \
  template Index tangent_scratch<S>(Index, Index, int);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
