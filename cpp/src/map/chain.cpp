/// One map behind another, of which at most one has weights, so that the whole is linear in them.
#include <algorithm>
#include <utility>

#include "mgres/arena.hpp"
#include "mgres/check.hpp"
#include "mgres/linear_map.hpp"

namespace mgres {

namespace {

template <class S>
class Chain final : public LinearMap<S> {
 public:
  Chain(MapPtr<S> inner, MapPtr<S> outer)
      : LinearMap<S>(inner->inputs(), outer->outputs(), inner->weights() + outer->weights(),
                     outer->biases()),
        inner_(std::move(inner)),
        outer_(std::move(outer)) {
    check(inner_->outputs() == outer_->inputs(), "map: expected ", outer_->inputs(),
          " features, got ", inner_->outputs());
    check(inner_->weights() == 0 || outer_->weights() == 0,
          "map: expected weights in one of two maps");
  }

  double cost() const override { return inner_->cost() + outer_->cost(); }
  Index scratch_size(Index blocks) const override {
    return 2 * middle(blocks) +
           std::max(inner_->scratch_size(blocks), outer_->scratch_size(blocks));
  }

  void apply(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
             S* scratch) const override {
    run(
        blocks, start, first, second, out, scratch, outer_->weights() > 0,
        [&](Start<S> from, Applied<S> a, Applied<S> b, S* to, S* rest) {
          inner_->apply(blocks, from, a, b, to, rest);
        },
        [&](Start<S> from, Applied<S> a, Applied<S> b, S* to, S* rest) {
          outer_->apply(blocks, from, a, b, to, rest);
        });
  }

  void apply_transposed(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
                        S* scratch) const override {
    run(
        blocks, start, first, second, out, scratch, inner_->weights() > 0,
        [&](Start<S> from, Applied<S> a, Applied<S> b, S* to, S* rest) {
          outer_->apply_transposed(blocks, from, a, b, to, rest);
        },
        [&](Start<S> from, Applied<S> a, Applied<S> b, S* to, S* rest) {
          inner_->apply_transposed(blocks, from, a, b, to, rest);
        });
  }

  void add_outer(Index blocks, const S* s, const S* x, S* weights, S* scratch) const override {
    const Applied<S> any{weights, outer_->weights() > 0 ? x : s};
    S* const rest = scratch + 2 * middle(blocks);
    if (outer_->weights() > 0) {
      inner_->apply(blocks, {}, any, {}, scratch, rest);
      outer_->add_outer(blocks, s, scratch, weights, rest);
    } else {
      outer_->apply_transposed(blocks, {}, any, {}, scratch, rest);
      inner_->add_outer(blocks, scratch, x, weights, rest);
    }
  }

  void add_sums(Index blocks, const S* s, S* bias, S* scratch, S factor) const override {
    outer_->add_sums(blocks, s, bias, scratch, factor);
  }

 private:
  Index middle(Index blocks) const {
    return Arena<S>::room(inner_->outputs() * blocks * kLanes<S>);
  }

  /// `one` and then `other`, where the two products are added as early as the weights allow.
  template <class One, class Other>
  void run(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out, S* scratch,
           bool other_has_weights, const One& one, const Other& other) const {
    S *const a = scratch, *const b = scratch + middle(blocks), *const rest = b + middle(blocks);
    if (!other_has_weights) {
      one({}, first, second, a, rest);
      const S* const any = first.weights != nullptr ? first.weights : second.weights;
      other(start, {any, a}, {}, out, rest);
      return;
    }
    const auto pass = [&](Applied<S> given, S* to) {
      if (given.weights == nullptr) return Applied<S>{};
      one({}, given, {}, to, rest);
      return Applied<S>{given.weights, to};
    };
    const Applied<S> passed = pass(first, a);
    other(start, passed, pass(second, b), out, rest);
  }

  MapPtr<S> inner_, outer_;
};

}  // namespace

template <class S>
MapPtr<S> make_chain(MapPtr<S> inner, MapPtr<S> outer) {
  return std::make_unique<Chain<S>>(std::move(inner), std::move(outer));
}

template MapPtr<float> make_chain<float>(MapPtr<float>, MapPtr<float>);
template MapPtr<double> make_chain<double>(MapPtr<double>, MapPtr<double>);

}  // namespace mgres
