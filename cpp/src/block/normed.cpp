/// A block that sees g * n(y), where n is LayerNorm (Ba et al. 2016) or RMSNorm (Zhang and Sennrich
/// 2019).  The factors g follow the inner block's parameters.
///
/// For one sample with x = n(y) = (y - mean(y)) / s, and the map P w = w - mean(w) - x mean(x w),
///
///   xdot = P ydot / s,      (dx/dy)^T w = P w / s;
///
/// RMSNorm is the same without the means of y, ydot and w.  Of images the channels of each pixel are
/// normalised, and the pixels of a channel share their factor.
#include <algorithm>
#include <cmath>
#include <utility>

#include "mgres/arena.hpp"
#include "mgres/convolution.hpp"
#include "pieces.hpp"

namespace mgres {

namespace {

constexpr double kEpsilon = 1e-5;

/// sqrt, lane by lane; compilers make one instruction of it.
template <class S>
Pack<S> root(const Pack<S>& v) {
  S lanes[kLanes<S>];
  store(lanes, v);
  for (S& lane : lanes) lane = std::sqrt(lane);
  return load(lanes);
}

template <class S>
class Normed final : public Block<S> {
 public:
  Normed(Norm norm, Index channels, Index pixels, BlockPtr<S> inner)
      : Block<S>(inner->parameters() + channels, inner->width()),
        centred_(norm == Norm::layer),
        v_(channels),
        pixels_(pixels),
        inner_(std::move(inner)) {}

  double cost() const override { return inner_->cost() + 8 * static_cast<double>(v_); }
  Index record_size(Index blocks) const override { return inner_->record_size(blocks); }
  Index bend_size(Index blocks) const override { return inner_->bend_size(blocks); }
  Index scratch_size(Index blocks) const override { return Scratch(*this, blocks, nullptr).size; }

  void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S* record,
               S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    normalise(p, blocks, x, at.u.value);
    inner_->forward(p, blocks, at.u.value, updates, record, at.inner);
  }

  void adjoint(const S* p, Index blocks, const S* x, const S* record, const S* r, S* a, S* gradient,
               S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    normalise(p, blocks, x, at.u.value);
    std::fill_n(at.w.value, this->numbers(this->width(), blocks), S(0));
    inner_->adjoint(p, blocks, at.u.value, record, r, at.w.value, gradient, at.inner);
    // of w, the adjoint of u: its share in g, to be summed, takes the place of u
    const S* g = p + inner_->parameters();
    for (Index b = 0; b < blocks * pixels_; ++b) {
      const Statistics s = statistics(x, b);
      Pack<S> mean{}, along{};
      for (Index i = 0; i < v_; ++i) {
        const Index k = place(b, i);
        const Pack<S> n = (load(x + k) - s.mean) * s.inverse, w = load(at.w.value + k);
        store(at.u.value + k, w * n);
        store(at.w.value + k, g[i] * w);
        mean += g[i] * w;
        along += g[i] * w * n;
      }
      const Projection project = projection(mean, along);
      for (Index i = 0; i < v_; ++i) {
        const Index k = place(b, i);
        const Pack<S> n = (load(x + k) - s.mean) * s.inverse;
        store(a + k, load(a + k) + s.inverse * project(load(at.w.value + k), n));
      }
    }
    if (gradient != nullptr)
      add_channel_sums(v_, pixels_, blocks, at.u.value, gradient + inner_->parameters(), at.sums);
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> x, Updates<S> updates, S* record,
               S* bend, S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    normalise(p, blocks, x, at.u);
    inner_->tangent(p, blocks, at.u, updates, record, bend, at.inner);
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> x, const S* record,
                       const S* bend, Dual<const S> r, Dual<S> a, S* gradient_dot,
                       S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    normalise(p, blocks, x, at.u);
    std::fill_n(at.w.value, this->numbers(this->width(), blocks), S(0));
    std::fill_n(at.w.dot, this->numbers(this->width(), blocks), S(0));
    inner_->adjoint_tangent(p, blocks, at.u, record, bend, r, at.w, gradient_dot, at.inner);
    const S* g = p.value + inner_->parameters();
    const S* g_dot = p.dot != nullptr ? p.dot + inner_->parameters() : nullptr;
    for (Index b = 0; b < blocks * pixels_; ++b) {
      const Statistics s = statistics(x.value, b);
      const Rates rates = this->rates(x, b, s);
      // d = g w and its derivative; the derivative of w n, to be summed, takes the place of u
      Pack<S> mean{}, along{}, mean_dot{}, along_dot{};
      for (Index i = 0; i < v_; ++i) {
        const Index k = place(b, i);
        const Pack<S> n = (load(x.value + k) - s.mean) * s.inverse;
        const Pack<S> n_dot = rates.of(load(x.dot + k), n, s);
        const Pack<S> w = load(at.w.value + k), w_dot = load(at.w.dot + k);
        const Pack<S> d = g[i] * w;
        const Pack<S> d_dot = g[i] * w_dot + (g_dot != nullptr ? g_dot[i] : S(0)) * w;
        store(at.u.value + k, w_dot * n + w * n_dot);
        store(at.w.value + k, d);
        store(at.w.dot + k, d_dot);
        mean += d;
        along += d * n;
        mean_dot += d_dot;
        along_dot += d_dot * n + d * n_dot;
      }
      const Projection project = projection(mean, along);
      const Projection project_dot = projection(mean_dot, along_dot);
      const Pack<S> inverse_dot = -s.inverse * s.inverse * rates.along;
      for (Index i = 0; i < v_; ++i) {
        const Index k = place(b, i);
        const Pack<S> n = (load(x.value + k) - s.mean) * s.inverse;
        const Pack<S> n_dot = rates.of(load(x.dot + k), n, s);
        const Pack<S> moved = project(load(at.w.value + k), n);
        const Pack<S> moved_dot = project_dot(load(at.w.dot + k), n) - project.along * n_dot;
        store(a.value + k, load(a.value + k) + s.inverse * moved);
        store(a.dot + k, load(a.dot + k) + (s.inverse * moved_dot + inverse_dot * moved));
      }
    }
    if (gradient_dot != nullptr)
      add_channel_sums(v_, pixels_, blocks, at.u.value, gradient_dot + inner_->parameters(),
                       at.sums);
  }

 private:
  struct Scratch {
    Scratch(const Normed& block, Index blocks, S* memory) {
      Arena<S> arena(memory);
      const Index state = block.numbers(block.width(), blocks);
      u.value = arena.take(state);
      u.dot = arena.take(state);
      w.value = arena.take(state);
      w.dot = arena.take(state);
      sums = arena.take(block.v_ * kLanes<S>);
      inner = arena.take(block.inner_->scratch_size(blocks));
      size = arena.used();
    }
    Dual<S> u, w;  // what the inner block sees, and its adjoint
    S *sums, *inner;
    Index size;
  };

  struct Statistics {
    Pack<S> mean, inverse;  // 1 / s
  };

  /// w - mean(w) - x mean(x w)
  struct Projection {
    Pack<S> mean, along;
    Pack<S> operator()(const Pack<S>& w, const Pack<S>& n) const { return w - mean - n * along; }
  };

  /// How the normalised features change.
  struct Rates {
    Pack<S> mean, along;  // of ydot, and mean(x ydot)
    Pack<S> of(const Pack<S>& dot, const Pack<S>& n, const Statistics& s) const {
      return s.inverse * (dot - mean - n * along);
    }
  };

  /// Where feature i of pixel b stands, counting the pixels of all blocks.
  Index place(Index b, Index i) const {
    return ((b / pixels_ * v_ + i) * pixels_ + b % pixels_) * kLanes<S>;
  }

  Projection projection(const Pack<S>& sum, const Pack<S>& along) const {
    const S share = S(1) / static_cast<S>(v_);
    return {centred_ ? sum * share : Pack<S>{}, along * share};
  }

  Statistics statistics(const S* x, Index b) const {
    const S share = S(1) / static_cast<S>(v_);
    Pack<S> mean{}, square{};
    if (centred_) {
      for (Index i = 0; i < v_; ++i) mean += load(x + place(b, i));
      mean *= share;
    }
    for (Index i = 0; i < v_; ++i) {
      const Pack<S> c = load(x + place(b, i)) - mean;
      square += c * c;
    }
    return {mean, 1 / root<S>(square * share + static_cast<S>(kEpsilon))};
  }

  Rates rates(Dual<const S> x, Index b, const Statistics& s) const {
    const S share = S(1) / static_cast<S>(v_);
    Pack<S> mean{}, along{};
    for (Index i = 0; i < v_; ++i) {
      const Index k = place(b, i);
      const Pack<S> dot = load(x.dot + k);
      mean += dot;
      along += (load(x.value + k) - s.mean) * s.inverse * dot;
    }
    return {centred_ ? mean * share : Pack<S>{}, along * share};
  }

  void normalise(const S* p, Index blocks, const S* x, S* u) const {
    const S* g = p + inner_->parameters();
    for (Index b = 0; b < blocks * pixels_; ++b) {
      const Statistics s = statistics(x, b);
      for (Index i = 0; i < v_; ++i) {
        const Index k = place(b, i);
        store(u + k, g[i] * ((load(x + k) - s.mean) * s.inverse));
      }
    }
  }

  void normalise(Dual<const S> p, Index blocks, Dual<const S> x, Dual<S> u) const {
    const S* g = p.value + inner_->parameters();
    const S* g_dot = p.dot != nullptr ? p.dot + inner_->parameters() : nullptr;
    for (Index b = 0; b < blocks * pixels_; ++b) {
      const Statistics s = statistics(x.value, b);
      const Rates rates = this->rates(x, b, s);
      for (Index i = 0; i < v_; ++i) {
        const Index k = place(b, i);
        const Pack<S> n = (load(x.value + k) - s.mean) * s.inverse;
        store(u.value + k, g[i] * n);
        store(u.dot + k,
              g[i] * rates.of(load(x.dot + k), n, s) + (g_dot != nullptr ? g_dot[i] : S(0)) * n);
      }
    }
  }

  bool centred_;
  Index v_, pixels_;  // features of a pixel, and pixels: one, unless states are images
  BlockPtr<S> inner_;
};

}  // namespace

template <class S>
BlockPtr<S> make_normed(Norm norm, Index channels, Index pixels, BlockPtr<S> inner) {
  return std::make_unique<Normed<S>>(norm, channels, pixels, std::move(inner));
}

template BlockPtr<float> make_normed<float>(Norm, Index, Index, BlockPtr<float>);
template BlockPtr<double> make_normed<double>(Norm, Index, Index, BlockPtr<double>);

}  // namespace mgres
