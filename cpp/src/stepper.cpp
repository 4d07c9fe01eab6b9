#include "mgres/stepper.hpp"

#include <algorithm>

#include "mgres/block.hpp"

namespace mgres {

namespace {

template <class S>
Index stage_slopes(const ResNet& net, Index blocks) {
  return round_up(slopes_size<S>(net.activation, net.layer_width(), blocks), kLanes<S>);
}

/// Products with W in a layer.
Index products(const ResNet& net) {
  return net.scheme == Scheme::verlet ? 2 : tableau(net.scheme, net.substeps).stages;
}

/// out = so_far + b (u - x), and x_next = y + a (u - x) unless it is null.  Any of them may be the
/// same array.
template <class S>
void advance(Index size, const S* y, const S* x, const S* u, S b, const S* so_far, S* out, S a,
             S* x_next) {
  constexpr int L = kLanes<S>;
  for (Index i = 0; i < size; i += L) {
    const Pack<S> slope = load(u + i) - load(x + i);
    store(out + i, load(so_far + i) + b * slope);
    if (x_next != nullptr) store(x_next + i, load(y + i) + a * slope);
  }
}

}  // namespace

template <class S>
Stepper<S>::Stepper(const ResNet& net, const S* layers, Index blocks)
    : net_(net),
      tableau_(tableau(net.scheme, net.substeps)),
      layer_width_(net.layer_width()),
      kernel_(layer_kernel<S>(layer_width_)),
      layers_(layers),
      stride_(effective_layer(net)),
      blocks_(blocks),
      state_(layer_width_ * blocks * kLanes<S>),
      slopes_(stage_slopes<S>(net, blocks)),
      scratch_states_(net.scheme == Scheme::euler ? 0 : 3) {}

template <class S>
Index Stepper<S>::record_size(const ResNet& net, Index blocks) {
  const Index state = net.layer_width() * blocks * kLanes<S>;
  // the input of the first stage is the layer's, except that verlet keeps its half of it
  const Index inputs = net.scheme == Scheme::verlet ? 2 : products(net) - 1;
  return inputs * state + products(net) * stage_slopes<S>(net, blocks);
}

template <class S>
Index Stepper<S>::backward_scratch() const {
  const Index kernel = kernel_.scratch_size(layer_width_, blocks_);
  const Index transposed = net_.scheme == Scheme::verlet ? round_up(stride_ / 2, kLanes<S>) : 0;
  return kernel + forward_scratch() + transposed;
}

// ---- explicit Runge-Kutta methods of which each stage uses the one before it --------------------

template <class S>
void Stepper<S>::stages_forward(Index k, Index blocks, const S* y, S* out, S* record,
                                S* scratch) const {
  const Layer<S> layer = this->layer(parameters(k), blocks);
  const Index size = layer_width_ * blocks * kLanes<S>;
  const int stages = tableau_.stages;
  S* const u = scratch;  // E(x_i)
  const S* x = y;
  for (int i = 0; i < stages; ++i) {
    S* slopes = record != nullptr ? record + (stages - 1) * state_ + i * slopes_ : nullptr;
    kernel_.forward(layer, x, u, slopes);
    const bool last = i + 1 == stages;
    S* next = last ? nullptr : record != nullptr ? record + i * state_ : scratch + state_;
    const double a = last ? 0 : tableau_.a[i + 1][i];
    advance(size, y, x, u, static_cast<S>(tableau_.b[i]), i == 0 ? y : out, out, static_cast<S>(a),
            next);
    x = next;
  }
}

/// With lambda = dL/dout: the adjoint of h k_i is gamma_i = b_i lambda + a_{i+1,i} xi_{i+1}, that of
/// x_i is xi_i = h (dF/dx)^T gamma_i, and dL/dy = lambda + sum_i xi_i.
template <class S>
void Stepper<S>::stages_backward(Index k, Index blocks, const S* y, const S* record, S* adjoint,
                                 S* gradient, S* scratch) const {
  constexpr int L = kLanes<S>;
  const Layer<S> layer = this->layer(parameters(k), blocks);
  const Index size = layer_width_ * blocks * kLanes<S>;
  const int stages = tableau_.stages;
  S *const lambda = scratch, *const gamma = lambda + state_, *const g = gamma + state_;
  S* const kernel_scratch = g + state_;
  std::copy_n(adjoint, size, lambda);
  for (Index i = 0; i < size; i += L) {
    const Pack<S> first = static_cast<S>(tableau_.b[stages - 1]) * load(lambda + i);
    store(gamma + i, first);
    store(g + i, first);
  }
  for (int stage = stages - 1; stage >= 0; --stage) {
    const S* x = stage == 0 ? y : record + (stage - 1) * state_;
    const S* slopes = record + (stages - 1) * state_ + stage * slopes_;
    kernel_.backward(layer, x, slopes, g, gradient, kernel_scratch);
    const auto b = static_cast<S>(stage > 0 ? tableau_.b[stage - 1] : 0);
    const auto a = static_cast<S>(stage > 0 ? tableau_.a[stage][stage - 1] : 0);
    for (Index i = 0; i < size; i += L) {
      const Pack<S> xi = load(g + i) - load(gamma + i);
      store(adjoint + i, load(adjoint + i) + xi);
      if (stage == 0) continue;
      const Pack<S> next = b * load(lambda + i) + a * xi;
      store(gamma + i, next);
      store(g + i, next);
    }
  }
}

// ---- verlet: the state is (p, q), each half of the features --------------------------------------

template <class S>
void Stepper<S>::verlet_forward(Index k, Index blocks, const S* y, S* out, S* record,
                                S* scratch) const {
  constexpr int L = kLanes<S>;
  const S* W = parameters(k);
  const S* W_transposed = W + stride_ / 2;
  const Index half = layer_width_ * L;  // of a block
  S* const u = scratch;
  S* const p = record != nullptr ? record : scratch + state_;
  S* const q = p + state_;  // after its step
  S* const slopes = record != nullptr ? record + 2 * state_ : nullptr;
  for (Index b = 0; b < blocks; ++b) std::copy_n(y + 2 * b * half, half, p + b * half);

  kernel_.forward(layer(W_transposed, blocks), p, u, slopes);
  for (Index b = 0; b < blocks; ++b) {
    const S* q_before = y + (2 * b + 1) * half;
    for (Index i = 0; i < half; i += L) {
      const Index at = b * half + i;
      store(q + at, load(q_before + i) - (load(u + at) - load(p + at)));
    }
  }
  kernel_.forward(layer(W, blocks), q, u, slopes != nullptr ? slopes + slopes_ : nullptr);
  for (Index b = 0; b < blocks; ++b) {
    S* to = out + 2 * b * half;
    for (Index i = 0; i < half; i += L) {
      const Index at = b * half + i;
      store(to + i, load(p + at) + (load(u + at) - load(q + at)));
      store(to + half + i, load(q + at));
    }
  }
}

template <class S>
void Stepper<S>::verlet_backward(Index k, Index blocks, const S* record, S* adjoint, S* gradient,
                                 S* scratch) const {
  constexpr int L = kLanes<S>;
  const S* W = parameters(k);
  const S* W_transposed = W + stride_ / 2;
  const Index half = layer_width_ * L;
  const Index size = layer_width_ * layer_width_ + layer_width_;
  const S *const p = record, *const q = record + state_;
  const S* const slopes = record + 2 * state_;
  S *const g = scratch, *const before = g + state_;
  S* const transposed = before + 2 * state_;  // derivative by W^T and b
  S* const kernel_scratch = transposed + round_up(size, L);

  // p + h sigma(W q + b): what the kernel adds to dL/dp belongs to q
  for (Index b = 0; b < blocks; ++b) std::copy_n(adjoint + 2 * b * half, half, g + b * half);
  kernel_.backward(layer(W, blocks), q, slopes + slopes_, g, gradient, kernel_scratch);
  for (Index b = 0; b < blocks; ++b) {
    S* a = adjoint + 2 * b * half;
    for (Index i = 0; i < half; i += L) {
      const Index at = b * half + i;
      const Pack<S> aq = load(a + half + i) + (load(g + at) - load(a + i));
      store(a + half + i, aq);
      store(g + at, -aq);
      store(before + at, -aq);
    }
  }
  // q - h sigma(W^T p + b)
  S* dW_transposed = gradient != nullptr ? transposed : nullptr;
  if (gradient != nullptr) std::fill_n(transposed, size, S(0));
  kernel_.backward(layer(W_transposed, blocks), p, slopes, g, dW_transposed, kernel_scratch);
  for (Index b = 0; b < blocks; ++b) {
    S* a = adjoint + 2 * b * half;
    for (Index i = 0; i < half; i += L) {
      const Index at = b * half + i;
      store(a + i, load(a + i) + (load(g + at) - load(before + at)));
    }
  }
  if (gradient == nullptr) return;
  for (Index i = 0; i < layer_width_; ++i)
    for (Index j = 0; j < layer_width_; ++j)
      gradient[i * layer_width_ + j] += transposed[j * layer_width_ + i];
  for (Index i = layer_width_ * layer_width_; i < size; ++i) gradient[i] += transposed[i];
}

template class Stepper<float>;
template class Stepper<double>;

}  // namespace mgres
