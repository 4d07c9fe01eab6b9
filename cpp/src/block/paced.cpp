/// G times e^tau: the layer learns its own step.  tau follows the inner block's parameters.
#include <cmath>
#include <utility>

#include "mgres/arena.hpp"
#include "mgres/products.hpp"
#include "pieces.hpp"

namespace mgres {

namespace {

/// G itself is kept for the way back, as the derivative by tau is <r, e^tau G>.
template <class S>
class Paced final : public Block<S> {
 public:
  explicit Paced(BlockPtr<S> inner)
      : Block<S>(inner->parameters() + 1, inner->width()), inner_(std::move(inner)) {}

  double cost() const override { return inner_->cost(); }
  Index record_size(Index blocks) const override {
    return state(blocks) + inner_->record_size(blocks);
  }
  Index bend_size(Index blocks) const override { return state(blocks) + inner_->bend_size(blocks); }
  Index scratch_size(Index blocks) const override {
    return 2 * state(blocks) + kLanes<S> * kLanes<S> + inner_->scratch_size(blocks);
  }

  void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S* record,
               S* scratch) const override {
    S* G = record != nullptr ? record : scratch;
    const Update<S> to_G{nullptr, G};
    inner_->forward(p, blocks, x, {&to_G, 1}, record != nullptr ? record + state(blocks) : nullptr,
                    rest(scratch, blocks));
    const S pace = this->pace(p);
    for (Update<S> u : updates) {
      u.weight *= pace;
      apply<S>({&u, 1}, size(blocks), {G, nullptr});
    }
  }

  void adjoint(const S* p, Index blocks, const S* x, const S* record, const S* r, S* a, S* gradient,
               S* scratch) const override {
    const S pace = this->pace(p);
    for (Index i = 0; i < size(blocks); i += kLanes<S>) store(scratch + i, pace * load(r + i));
    if (gradient != nullptr)
      add_product_of(blocks, scratch, record, gradient, scratch + state(blocks));
    inner_->adjoint(p, blocks, x, record + state(blocks), scratch, a, gradient,
                    rest(scratch, blocks));
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> x, Updates<S> updates, S* record,
               S* bend, S* scratch) const override {
    const Dual<S> G{record, bend != nullptr ? bend : scratch};
    const Update<S> to_G{nullptr, G.value, 1, nullptr, G.dot};
    inner_->tangent(p, blocks, x, {&to_G, 1}, record + state(blocks),
                    bend != nullptr ? bend + state(blocks) : nullptr, rest(scratch, blocks));
    const S rate = this->rate(p);
    S* dot = scratch + state(blocks);  // Gdot + taudot G
    for (Index i = 0; i < size(blocks); i += kLanes<S>)
      store(dot + i, load(G.dot + i) + rate * load(G.value + i));
    const S pace = this->pace(p.value);
    for (Update<S> u : updates) {
      u.weight *= pace;
      apply<S>({&u, 1}, size(blocks), {G.value, dot});
    }
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> x, const S* record,
                       const S* bend, Dual<const S> r, Dual<S> a, S* gradient_dot,
                       S* scratch) const override {
    const S pace = this->pace(p.value), rate = this->rate(p);
    const Dual<S> own{scratch, scratch + state(blocks)};
    for (Index i = 0; i < size(blocks); i += kLanes<S>) {
      const Pack<S> value = load(r.value + i);
      store(own.dot + i, pace * (load(r.dot + i) + rate * value));
      store(own.value + i, pace * value);
    }
    if (gradient_dot != nullptr) {
      S* sums = scratch + 2 * state(blocks);
      add_product_of(blocks, own.dot, record, gradient_dot, sums);
      add_product_of(blocks, own.value, bend, gradient_dot, sums);
    }
    inner_->adjoint_tangent(p, blocks, x, record + state(blocks), bend + state(blocks), own, a,
                            gradient_dot, rest(scratch, blocks));
  }

 private:
  Index size(Index blocks) const { return this->numbers(this->width(), blocks); }
  Index state(Index blocks) const { return Arena<S>::room(size(blocks)); }
  S* rest(S* scratch, Index blocks) const {
    return scratch + 2 * state(blocks) + kLanes<S> * kLanes<S>;
  }

  S pace(const S* p) const { return std::exp(p[inner_->parameters()]); }
  S rate(Dual<const S> p) const { return p.dot != nullptr ? p.dot[inner_->parameters()] : S(0); }

  /// dtau += <s, G>, summed over one vector before its lanes.
  void add_product_of(Index blocks, const S* s, const S* G, S* gradient, S* sums) const {
    Pack<S> sum{};
    for (Index i = 0; i < size(blocks); i += kLanes<S>) sum += load(s + i) * load(G + i);
    store(sums + kLanes<S>, sum);
    add_sums(1, 1, sums + kLanes<S>, gradient + inner_->parameters(), sums);
  }

  BlockPtr<S> inner_;
};

}  // namespace

template <class S>
BlockPtr<S> make_paced(BlockPtr<S> inner) {
  return std::make_unique<Paced<S>>(std::move(inner));
}

template BlockPtr<float> make_paced<float>(BlockPtr<float>);
template BlockPtr<double> make_paced<double>(BlockPtr<double>);

}  // namespace mgres
