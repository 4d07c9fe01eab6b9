/// G = h (W2 sigma(W1 y + b1) + b2) for linear maps W1 and W2, and h K^T sigma(K y + b), where W1 = K
/// and W2 = K^T.
#include <algorithm>
#include <utility>

#include "mgres/arena.hpp"
#include "mgres/linear_map.hpp"
#include "pieces.hpp"

namespace mgres {

namespace {

// A = h sigma(z) and the slopes h sigma'(z) carry the step, so that G = W2 A + h b2.
//
// Nothing is kept for the way back: to compute the hidden features again takes a sixth of the
// gradient's products, and to fetch them from where so much fits takes longer.
template <class S>
class TwoLayer final : public Block<S> {
 public:
  TwoLayer(Activation activation, MapPtr<S> first, MapPtr<S> second, double h)
      : Block<S>(size(*first) + (second != nullptr ? size(*second) : 0), first->inputs()),
        activation_(activation),
        v_(first->inputs()),
        n_(first->outputs()),
        h_(static_cast<S>(h)),
        first_(std::move(first)),
        second_(std::move(second)) {}

  double cost() const override { return 2 * first_->cost(); }

  Index record_size(Index) const override { return 0; }
  Index bend_size(Index) const override { return 0; }
  Index scratch_size(Index blocks) const override { return Scratch(*this, blocks, nullptr).size; }

  void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S*,
               S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    hide(p, blocks, x, at.A.value, nullptr, at.map);
    const S* bias = second_bias(p, at.bias);
    if (is_plain_step(updates)) {
      apply_second(blocks, {bias, updates.first->from}, {p, at.A.value}, {}, updates.first->to,
                   at.map);
      return;
    }
    apply_second(blocks, {bias, nullptr}, {p, at.A.value}, {}, at.G.value, at.map);
    apply<S>(updates, this->numbers(v_, blocks), {at.G.value, nullptr});
  }

  void adjoint(const S* p, Index blocks, const S* x, const S*, const S* r, S* a, S* gradient,
               S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    hide(p, blocks, x, at.A.value, at.slopes, at.map);
    S* s = at.s.value;
    transpose_second(blocks, {p, r}, {}, s, at.map);
    weigh(activation_, h_, n_ * blocks, at.slopes, s, s);
    if (gradient != nullptr) {
      add_second(blocks, r, at.A.value, gradient, at.map);
      add_second_bias(blocks, r, gradient, at.map);
      first_->add_outer(blocks, s, x, gradient, at.map);
      first_->add_sums(blocks, s, first_bias(gradient), at.map);
    }
    first_->apply_transposed(blocks, {nullptr, a}, {p, s}, {}, a, at.map);
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> x, Updates<S> updates, S*, S*,
               S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    hide(p, blocks, x, at);
    apply_second(blocks, {second_bias(p.value, at.bias), nullptr}, {p.value, at.A.value}, {},
                 at.G.value, at.map);
    const Start<S> start{p.dot != nullptr ? second_bias(p.dot, at.bias) : nullptr, nullptr};
    apply_second(blocks, start, {p.value, at.A.dot}, {p.dot, at.A.value}, at.G.dot, at.map);
    apply<S>(updates, this->numbers(v_, blocks), at.G);
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> x, const S*, const S*,
                       Dual<const S> r, Dual<S> a, S* gradient_dot, S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    const Dual<S> s = at.s;
    hide(p, blocks, x, at);
    transpose_second(blocks, {p.value, r.dot}, {p.dot, r.value}, s.dot, at.map);
    transpose_second(blocks, {p.value, r.value}, {}, s.value, at.map);
    weigh<S>(activation_, h_, n_ * blocks, at.slopes, at.bend, s, s);
    if (gradient_dot != nullptr) {
      add_second(blocks, r.dot, at.A.value, gradient_dot, at.map);
      add_second(blocks, r.value, at.A.dot, gradient_dot, at.map);
      add_second_bias(blocks, r.dot, gradient_dot, at.map);
      first_->add_outer(blocks, s.dot, x.value, gradient_dot, at.map);
      first_->add_outer(blocks, s.value, x.dot, gradient_dot, at.map);
      first_->add_sums(blocks, s.dot, first_bias(gradient_dot), at.map);
    }
    first_->apply_transposed(blocks, {nullptr, a.dot}, {p.value, s.dot}, {p.dot, s.value}, a.dot,
                             at.map);
    first_->apply_transposed(blocks, {nullptr, a.value}, {p.value, s.value}, {}, a.value, at.map);
  }

 private:
  struct Scratch {
    Scratch(const TwoLayer& block, Index blocks, S* memory) {
      Arena<S> arena(memory);
      const Index hidden = block.numbers(block.n_, blocks);
      const Index state = block.numbers(block.v_, blocks);
      A = {arena.take(hidden), arena.take(hidden)};
      s = {arena.take(hidden), arena.take(hidden)};
      slopes = arena.take(slopes_size<S>(block.activation_, block.n_, blocks));
      bend = arena.take(hidden);
      G = {arena.take(state), arena.take(state)};
      Index of_maps = block.first_->scratch_size(blocks);
      if (!block.tied()) {
        bias = arena.take(block.second_->biases());
        of_maps = std::max(of_maps, block.second_->scratch_size(blocks));
      }
      map = arena.take(of_maps);
      size = arena.used();
    }
    Dual<S> A, s, G;
    S *slopes, *bend, *bias = nullptr, *map;
    Index size;
  };

  static Index size(const LinearMap<S>& map) { return map.weights() + map.biases(); }

  /// A, and the slopes unless they are null.
  void hide(const S* p, Index blocks, const S* x, S* A, S* slopes, S* scratch) const {
    first_->apply(blocks, {first_bias(p), nullptr}, {p, x}, {}, A, scratch);
    activate_all(activation_, h_, n_ * blocks, A, slopes);
  }

  /// A and its derivative, slopes and h sigma''(z) zdot.
  void hide(Dual<const S> p, Index blocks, Dual<const S> x, const Scratch& at) const {
    first_->apply(blocks, {first_bias(p.value), nullptr}, {p.value, x.value}, {}, at.A.value,
                  at.map);
    const Start<S> start{p.dot != nullptr ? first_bias(p.dot) : nullptr, nullptr};
    first_->apply(blocks, start, {p.value, x.dot}, {p.dot, x.value}, at.A.dot, at.map);
    activate_all(activation_, h_, n_ * blocks, at.A, at.slopes, at.bend);
  }

  /// Whether W2 is K^T and there is no b2.
  bool tied() const { return second_ == nullptr; }

  template <class T>
  T* first_bias(T* p) const {
    return p + first_->weights();
  }

  /// W2 and b2 behind W1 and b1; null stays null.
  template <class T>
  T* behind(T* p) const {
    return p != nullptr ? p + size(*first_) : nullptr;
  }
  Applied<S> behind(Applied<S> a) const { return {behind(a.weights), a.x}; }

  /// out = start + W2 x for a sum of two, where operands have all parameters for weights.
  void apply_second(Index blocks, Start<S> start, Applied<S> one, Applied<S> other, S* out,
                    S* scratch) const {
    if (tied())
      first_->apply_transposed(blocks, start, one, other, out, scratch);
    else
      second_->apply(blocks, start, behind(one), behind(other), out, scratch);
  }

  /// out = W2^T x.
  void transpose_second(Index blocks, Applied<S> one, Applied<S> other, S* out, S* scratch) const {
    if (tied())
      first_->apply(blocks, {}, one, other, out, scratch);
    else
      second_->apply_transposed(blocks, {}, behind(one), behind(other), out, scratch);
  }

  /// h b2, written to `memory`.
  const S* second_bias(const S* p, S* memory) const {
    if (tied()) return nullptr;
    const S* bias = behind(p) + second_->weights();
    for (Index i = 0; i < second_->biases(); ++i) memory[i] = h_ * bias[i];
    return memory;
  }

  /// The derivative by W2, which is r A^T.
  void add_second(Index blocks, const S* r, const S* A, S* gradient, S* scratch) const {
    if (tied())
      first_->add_outer(blocks, A, r, gradient, scratch);
    else
      second_->add_outer(blocks, r, A, behind(gradient), scratch);
  }
  void add_second_bias(Index blocks, const S* r, S* gradient, S* scratch) const {
    if (!tied()) second_->add_sums(blocks, r, behind(gradient) + second_->weights(), scratch, h_);
  }

  Activation activation_;
  Index v_, n_;  // features of a state, and hidden ones
  S h_;
  MapPtr<S> first_, second_;
};

}  // namespace

template <class S>
BlockPtr<S> make_two_layer(Activation activation, MapPtr<S> first, MapPtr<S> second, double h) {
  return std::make_unique<TwoLayer<S>>(activation, std::move(first), std::move(second), h);
}

template BlockPtr<float> make_two_layer<float>(Activation, MapPtr<float>, MapPtr<float>, double);
template BlockPtr<double> make_two_layer<double>(Activation, MapPtr<double>, MapPtr<double>,
                                                 double);

}  // namespace mgres
