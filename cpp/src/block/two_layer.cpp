/// G = h (W2 sigma(W1 y + b1) + b2), and h sign K^T sigma(K y + b), which has W1 = K and W2 = K^T.
#include <algorithm>

#include "mgres/arena.hpp"
#include "mgres/products.hpp"
#include "pieces.hpp"

namespace mgres {

namespace {

// A = h sigma(z) and the slopes h sigma'(z) carry the step (and the sign), so that G = W2 A + h b2.
//
// Nothing is kept for the way back: to compute the hidden features again takes a sixth of the
// gradient's products, and to fetch them from where so much fits takes longer.
template <class S>
class TwoLayer final : public Block<S> {
 public:
  TwoLayer(Activation activation, Index width, Index hidden, double sign, double h)
      : Block<S>(hidden * (width + 1) + (sign == 0 ? width * (hidden + 1) : 0), width),
        activation_(activation),
        v_(width),
        n_(hidden),
        tied_(sign != 0),
        h_(static_cast<S>(tied_ ? sign * h : h)) {}

  double cost() const override { return 2 * static_cast<double>(v_) * static_cast<double>(n_); }

  Index record_size(Index) const override { return 0; }
  Index bend_size(Index) const override { return 0; }
  Index scratch_size(Index blocks) const override { return Scratch(*this, blocks, nullptr).size; }

  void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S*,
               S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    hide(p, blocks, x, at.A.value, nullptr);
    const S* bias = second_bias(p, at.bias);
    if (is_plain_step(updates)) {
      multiply<S>(v_, n_, blocks, {bias, updates.first->from}, second(p, at.A.value), {},
                  updates.first->to);
      return;
    }
    multiply<S>(v_, n_, blocks, {bias, nullptr}, second(p, at.A.value), {}, at.G.value);
    apply<S>(updates, this->numbers(v_, blocks), {at.G.value, nullptr});
  }

  void adjoint(const S* p, Index blocks, const S* x, const S*, const S* r, S* a, S* gradient,
               S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    hide(p, blocks, x, at.A.value, at.slopes);
    S* s = at.s.value;
    multiply<S>(n_, v_, blocks, {}, second_transposed(p, r), {}, s);
    weigh(activation_, h_, n_ * blocks, at.slopes, s, s);
    if (gradient != nullptr) {
      add_second(blocks, r, at.A.value, gradient, at.outer);
      add_second_bias(blocks, r, gradient, at.outer);
      add_outer(n_, v_, blocks, s, x, gradient, at.outer);
      add_sums(n_, blocks, s, gradient + n_ * v_, at.outer);
    }
    multiply<S>(v_, n_, blocks, {nullptr, a}, {p, 1, v_, s}, {}, a);
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> x, Updates<S> updates, S*, S*,
               S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    hide(p, blocks, x, at);
    multiply<S>(v_, n_, blocks, {second_bias(p.value, at.bias), nullptr},
                second(p.value, at.A.value), {}, at.G.value);
    if (p.dot == nullptr)
      multiply<S>(v_, n_, blocks, {}, second(p.value, at.A.dot), {}, at.G.dot);
    else
      multiply<S>(v_, n_, blocks, {second_bias(p.dot, at.bias), nullptr}, second(p.value, at.A.dot),
                  second(p.dot, at.A.value), at.G.dot);
    apply<S>(updates, this->numbers(v_, blocks), at.G);
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> x, const S*, const S*,
                       Dual<const S> r, Dual<S> a, S* gradient_dot, S* scratch) const override {
    const Scratch at(*this, blocks, scratch);
    const Dual<S> s = at.s;
    hide(p, blocks, x, at);
    multiply<S>(n_, v_, blocks, {}, second_transposed(p.value, r.dot),
                p.dot != nullptr ? second_transposed(p.dot, r.value) : Factor<S>{}, s.dot);
    multiply<S>(n_, v_, blocks, {}, second_transposed(p.value, r.value), {}, s.value);
    weigh<S>(activation_, h_, n_ * blocks, at.slopes, at.bend, s, s);
    if (gradient_dot != nullptr) {
      add_second(blocks, r.dot, at.A.value, gradient_dot, at.outer);
      add_second(blocks, r.value, at.A.dot, gradient_dot, at.outer);
      add_second_bias(blocks, r.dot, gradient_dot, at.outer);
      add_outer(n_, v_, blocks, s.dot, x.value, gradient_dot, at.outer);
      add_outer(n_, v_, blocks, s.value, x.dot, gradient_dot, at.outer);
      add_sums(n_, blocks, s.dot, gradient_dot + n_ * v_, at.outer);
    }
    multiply<S>(v_, n_, blocks, {nullptr, a.dot}, {p.value, 1, v_, s.dot}, {p.dot, 1, v_, s.value},
                a.dot);
    multiply<S>(v_, n_, blocks, {nullptr, a.value}, {p.value, 1, v_, s.value}, {}, a.value);
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
      bias = arena.take(block.v_);
      outer = arena.take(std::max(outer_scratch<S>(block.n_, block.v_, blocks),
                                  outer_scratch<S>(block.v_, block.n_, blocks)));
      size = arena.used();
    }
    Dual<S> A, s, G;
    S *slopes, *bend, *bias, *outer;
    Index size;
  };

  /// A, and the slopes unless they are null.
  void hide(const S* p, Index blocks, const S* x, S* A, S* slopes) const {
    multiply<S>(n_, v_, blocks, {p + n_ * v_, nullptr}, {p, v_, 1, x}, {}, A);
    activate_all(activation_, h_, n_ * blocks, A, slopes);
  }

  /// A and its derivative, slopes and h sigma''(z) zdot.
  void hide(Dual<const S> p, Index blocks, Dual<const S> x, const Scratch& at) const {
    const S *W1 = p.value, *W1_dot = p.dot;
    multiply<S>(n_, v_, blocks, {W1 + n_ * v_, nullptr}, {W1, v_, 1, x.value}, {}, at.A.value);
    if (W1_dot == nullptr)
      multiply<S>(n_, v_, blocks, {}, {W1, v_, 1, x.dot}, {}, at.A.dot);
    else
      multiply<S>(n_, v_, blocks, {W1_dot + n_ * v_, nullptr}, {W1, v_, 1, x.dot},
                  {W1_dot, v_, 1, x.value}, at.A.dot);
    activate_all(activation_, h_, n_ * blocks, at.A, at.slopes, at.bend);
  }

  /// W2 and b2 behind W1 and b1.
  Index second_at() const { return n_ * (v_ + 1); }

  /// W2 x and W2^T x.
  Factor<S> second(const S* p, const S* x) const {
    return tied_ ? Factor<S>{p, 1, v_, x} : Factor<S>{p + second_at(), n_, 1, x};
  }
  Factor<S> second_transposed(const S* p, const S* x) const {
    return tied_ ? Factor<S>{p, v_, 1, x} : Factor<S>{p + second_at(), 1, n_, x};
  }

  /// h b2, written to `memory`.
  const S* second_bias(const S* p, S* memory) const {
    if (tied_) return nullptr;
    for (Index i = 0; i < v_; ++i) memory[i] = h_ * p[second_at() + v_ * n_ + i];
    return memory;
  }

  /// The derivative by W2, which is r A^T.
  void add_second(Index blocks, const S* r, const S* A, S* gradient, S* outer) const {
    if (tied_)
      add_outer(n_, v_, blocks, A, r, gradient, outer);
    else
      add_outer(v_, n_, blocks, r, A, gradient + second_at(), outer);
  }
  void add_second_bias(Index blocks, const S* r, S* gradient, S* outer) const {
    if (!tied_) add_sums(v_, blocks, r, gradient + second_at() + v_ * n_, outer, h_);
  }

  Activation activation_;
  Index v_, n_;  // rows of W2 and of W1
  bool tied_;
  S h_;
};

}  // namespace

template <class S>
BlockPtr<S> make_two_layer(Activation activation, Index width, Index hidden, double sign,
                           double h) {
  return std::make_unique<TwoLayer<S>>(activation, width, hidden, sign, h);
}

template BlockPtr<float> make_two_layer<float>(Activation, Index, Index, double, double);
template BlockPtr<double> make_two_layer<double>(Activation, Index, Index, double, double);

}  // namespace mgres
