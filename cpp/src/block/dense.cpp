/// G = h sigma(W y + b): the fused kernels, and products for what they do not have.
#include "mgres/arena.hpp"
#include "mgres/kernel.hpp"
#include "mgres/products.hpp"
#include "pieces.hpp"

namespace mgres {

namespace {

template <class S>
class Dense final : public Block<S> {
 public:
  Dense(Activation activation, Index width, double h)
      : Block<S>(width * (width + 1), width),
        kernel_(layer_kernel<S>(width)),
        activation_(activation),
        v_(width),
        h_(static_cast<S>(h)) {}

  double cost() const override { return static_cast<double>(v_) * static_cast<double>(v_); }

  Index record_size(Index blocks) const override {
    return Arena<S>::room(slopes_size<S>(activation_, v_, blocks));
  }
  Index bend_size(Index blocks) const override { return state(blocks); }
  Index scratch_size(Index blocks) const override {
    return 2 * state(blocks) + Arena<S>::room(std::max(outer_scratch<S>(v_, v_, blocks),
                                                       kernel_.scratch_size(v_, blocks)));
  }

  void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S* record,
               S*) const override {
    kernel_.forward(layer(p, blocks), x, updates, record);
  }

  void adjoint(const S* p, Index blocks, const S* x, const S* record, const S* r, S* a, S* gradient,
               S* scratch) const override {
    kernel_.backward(layer(p, blocks), x, record, r, a, gradient, scratch);
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> x, Updates<S> updates, S* record,
               S* bend, S* scratch) const override {
    const S *W = p.value, *W_dot = p.dot, *b = W + v_ * v_;
    const Dual<S> z{scratch, scratch + state(blocks)};
    multiply<S>(v_, v_, blocks, {b, nullptr}, {W, v_, 1, x.value}, {}, z.value);
    if (W_dot == nullptr)
      multiply<S>(v_, v_, blocks, {}, {W, v_, 1, x.dot}, {}, z.dot);
    else
      multiply<S>(v_, v_, blocks, {W_dot + v_ * v_, nullptr}, {W, v_, 1, x.dot},
                  {W_dot, v_, 1, x.value}, z.dot);
    activate_all(activation_, h_, v_ * blocks, z, record, bend);
    apply<S>(updates, this->numbers(v_, blocks), z);
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> x, const S* record,
                       const S* bend, Dual<const S> r, Dual<S> a, S* gradient_dot,
                       S* scratch) const override {
    const S *W = p.value, *W_dot = p.dot;
    const Dual<S> s{scratch, scratch + state(blocks)};
    weigh<S>(activation_, h_, v_ * blocks, record, bend, r, s);
    multiply<S>(v_, v_, blocks, {nullptr, a.dot}, {W, 1, v_, s.dot}, {W_dot, 1, v_, s.value},
                a.dot);
    multiply<S>(v_, v_, blocks, {nullptr, a.value}, {W, 1, v_, s.value}, {}, a.value);
    if (gradient_dot == nullptr) return;
    S* outer = scratch + 2 * state(blocks);
    add_outer(v_, v_, blocks, s.dot, x.value, gradient_dot, outer);
    add_outer(v_, v_, blocks, s.value, x.dot, gradient_dot, outer);
    add_sums(v_, blocks, s.dot, gradient_dot + v_ * v_, outer);
  }

 private:
  Layer<S> layer(const S* p, Index blocks) const { return {p, v_, blocks, h_, activation_}; }
  Index state(Index blocks) const { return Arena<S>::room(this->numbers(v_, blocks)); }

  const LayerKernel<S>& kernel_;
  Activation activation_;
  Index v_;
  S h_;
};

}  // namespace

template <class S>
BlockPtr<S> make_dense(Activation activation, Index width, double h) {
  return std::make_unique<Dense<S>>(activation, width, h);
}

template BlockPtr<float> make_dense<float>(Activation, Index, double);
template BlockPtr<double> make_dense<double>(Activation, Index, double);

}  // namespace mgres
