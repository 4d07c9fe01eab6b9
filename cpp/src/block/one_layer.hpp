/// G = h sigma(W y + b) for any linear map W.
#pragma once

#include <utility>

#include "mgres/arena.hpp"
#include "mgres/linear_map.hpp"
#include "pieces.hpp"

namespace mgres {

/// W and then b.  The slopes are kept for the way back.
template <class S>
class OneLayer : public Block<S> {
 public:
  OneLayer(Activation activation, MapPtr<S> map, double h)
      : Block<S>(map->weights() + map->biases(), map->inputs()),
        activation_(activation),
        h_(static_cast<S>(h)),
        map_(std::move(map)) {}

  double cost() const override { return map_->cost(); }
  Index record_size(Index blocks) const override {
    return Arena<S>::room(slopes_size<S>(activation_, this->width(), blocks));
  }
  Index bend_size(Index blocks) const override { return state(blocks); }
  Index scratch_size(Index blocks) const override {
    return 2 * state(blocks) + Arena<S>::room(map_->scratch_size(blocks));
  }

  void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S* record,
               S* scratch) const override {
    S* z = scratch;
    map_->apply(blocks, {bias(p), nullptr}, {p, x}, {}, z, rest(blocks, scratch));
    activate_all(activation_, h_, vectors(blocks), z, record);
    apply<S>(updates, this->numbers(this->width(), blocks), {z, nullptr});
  }

  void adjoint(const S* p, Index blocks, const S* x, const S* record, const S* r, S* a, S* gradient,
               S* scratch) const override {
    S *s = scratch, *memory = rest(blocks, scratch);
    weigh(activation_, h_, vectors(blocks), record, r, s);
    map_->apply_transposed(blocks, {nullptr, a}, {p, s}, {}, a, memory);
    if (gradient == nullptr) return;
    map_->add_outer(blocks, s, x, gradient, memory);
    map_->add_sums(blocks, s, bias(gradient), memory);
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> x, Updates<S> updates, S* record,
               S* bend, S* scratch) const override {
    const Dual<S> z{scratch, scratch + state(blocks)};
    S* memory = rest(blocks, scratch);
    map_->apply(blocks, {bias(p.value), nullptr}, {p.value, x.value}, {}, z.value, memory);
    if (p.dot == nullptr)
      map_->apply(blocks, {}, {p.value, x.dot}, {}, z.dot, memory);
    else
      map_->apply(blocks, {bias(p.dot), nullptr}, {p.value, x.dot}, {p.dot, x.value}, z.dot,
                  memory);
    activate_all(activation_, h_, vectors(blocks), z, record, bend);
    apply<S>(updates, this->numbers(this->width(), blocks), z);
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> x, const S* record,
                       const S* bend, Dual<const S> r, Dual<S> a, S* gradient_dot,
                       S* scratch) const override {
    const Dual<S> s{scratch, scratch + state(blocks)};
    S* memory = rest(blocks, scratch);
    weigh<S>(activation_, h_, vectors(blocks), record, bend, r, s);
    map_->apply_transposed(blocks, {nullptr, a.dot}, {p.value, s.dot}, {p.dot, s.value}, a.dot,
                           memory);
    map_->apply_transposed(blocks, {nullptr, a.value}, {p.value, s.value}, {}, a.value, memory);
    if (gradient_dot == nullptr) return;
    map_->add_outer(blocks, s.dot, x.value, gradient_dot, memory);
    map_->add_outer(blocks, s.value, x.dot, gradient_dot, memory);
    map_->add_sums(blocks, s.dot, bias(gradient_dot), memory);
  }

 protected:
  template <class T>
  T* bias(T* p) const {
    return p + map_->weights();
  }
  Index state(Index blocks) const { return Arena<S>::room(this->numbers(this->width(), blocks)); }

  Activation activation_;
  S h_;

 private:
  Index vectors(Index blocks) const { return this->width() * blocks; }
  S* rest(Index blocks, S* scratch) const { return scratch + 2 * state(blocks); }

  MapPtr<S> map_;
};

}  // namespace mgres
