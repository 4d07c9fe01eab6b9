/// Explicit Runge-Kutta methods (scheme.hpp) of any block.
///
/// With G = h F, the stages are x_i = y + sum_j a_ij G(x_j) and out = y + sum_i b_i G(x_i).  On the
/// way back, with A = dL/dout, each stage from the last to the first has
///
///   r_i = b_i A + sum_j a_ji c_j,   c_i = (dG/dx)(x_i)^T r_i,
///
/// and dL/dy = A + sum_i c_i, dL/dp = sum_i (dG/dp)(x_i)^T r_i.  The derivatives of all these along
/// a direction of the parameters make the product with the Hessian (Pearlmutter 1994).
#include <algorithm>
#include <utility>

#include "integrators.hpp"
#include "mgres/arena.hpp"

namespace mgres {

namespace {

constexpr int kMostStages = 4;

template <class S>
class RungeKutta final : public Integrator<S> {
 public:
  RungeKutta(const Tableau& tableau, BlockPtr<S> block)
      : tableau_(tableau), stages_(tableau.stages), block_(std::move(block)) {}

  double cost() const override { return stages_ * block_->cost(); }

  Index record_size(Index blocks) const override {
    return (stages_ - 1) * state(blocks) + stages_ * block_->record_size(blocks);
  }
  Index dual_record_size(Index blocks) const override {
    return record_size(blocks) + (stages_ - 1) * state(blocks) +
           stages_ * block_->bend_size(blocks);
  }
  Index forward_scratch(Index blocks) const override {
    return (stages_ - 1) * state(blocks) + block_->scratch_size(blocks);
  }
  Index scratch(Index blocks) const override {
    return 2 * stages_ * state(blocks) + block_->scratch_size(blocks);  // r and all c but the first
  }

  void forward(const S* p, Index blocks, const S* y, S* out, S* record, S* scratch) const override {
    const Places at(*this, blocks, record != nullptr ? record : scratch, nullptr);
    S* rest = record != nullptr ? scratch : scratch + (stages_ - 1) * state(blocks);
    for (int i = 0; i < stages_; ++i) {
      Update<S> updates[kMostStages];
      const int count = targets(i, blocks, {y, nullptr}, {out, nullptr}, at, updates);
      block_->forward(p, blocks, i == 0 ? y : at.x[i].value, {updates, count},
                      record != nullptr ? at.record[i] : nullptr, rest);
    }
  }

  void adjoint(const S* p, Index blocks, const S* y, const S* record, S* adjoint, S* gradient,
               S* scratch) const override {
    const Places at(*this, blocks, record, nullptr);
    const Way way(*this, blocks, scratch);
    for (int i = stages_ - 1; i >= 0; --i) {
      gather(i, blocks, adjoint, way, &Dual<S>::value);
      S* c = i == 0 ? adjoint : zeroed(way.c[i].value, blocks);
      block_->adjoint(p, blocks, i == 0 ? y : at.x[i].value, at.record[i], way.r.value, c, gradient,
                      way.rest);
    }
    for (int i = 1; i < stages_; ++i) add(blocks, way.c[i].value, adjoint);
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> y, Dual<S> out, bool second, S* record,
               S* scratch) const override {
    Places at(*this, blocks, record, second ? record + record_size(blocks) : nullptr);
    for (int i = 1; i < stages_ && !second; ++i) at.x[i].dot = scratch + (i - 1) * state(blocks);
    S* rest = scratch + (stages_ - 1) * state(blocks);
    for (int i = 0; i < stages_; ++i) {
      Update<S> updates[kMostStages];
      const int count = targets(i, blocks, y, out, at, updates);
      block_->tangent(p, blocks, i == 0 ? y : Dual<const S>(at.x[i]), {updates, count},
                      at.record[i], at.bend[i], rest);
    }
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> y, const S* record,
                       Dual<S> adjoint, S* gradient_dot, S* scratch) const override {
    const Places at(*this, blocks, record, record + record_size(blocks));
    const Way way(*this, blocks, scratch);
    for (int i = stages_ - 1; i >= 0; --i) {
      gather(i, blocks, adjoint.value, way, &Dual<S>::value);
      gather(i, blocks, adjoint.dot, way, &Dual<S>::dot);
      Dual<S> c = adjoint;
      if (i > 0) c = {zeroed(way.c[i].value, blocks), zeroed(way.c[i].dot, blocks)};
      block_->adjoint_tangent(p, blocks, i == 0 ? y : Dual<const S>(at.x[i]), at.record[i],
                              at.bend[i], way.r, c, gradient_dot, way.rest);
    }
    for (int i = 1; i < stages_; ++i) {
      add(blocks, way.c[i].value, adjoint.value);
      add(blocks, way.c[i].dot, adjoint.dot);
    }
  }

 private:
  /// Where the stages are kept: inputs of all but the first, records, and what tangents need beside.
  struct Places {
    Places(const RungeKutta& of, Index blocks, const S* kept, const S* dual) {
      S* from = const_cast<S*>(kept);  // who only reads takes const pointers out of it again
      S* beside = const_cast<S*>(dual);
      const Index state = of.state(blocks);
      for (int i = 1; i < of.stages_; ++i) {
        x[i] = {from + (i - 1) * state, beside != nullptr ? beside + (i - 1) * state : nullptr};
      }
      for (int i = 0; i < of.stages_; ++i) {
        record[i] = from + (of.stages_ - 1) * state + i * of.block_->record_size(blocks);
        bend[i] = beside != nullptr
                      ? beside + (of.stages_ - 1) * state + i * of.block_->bend_size(blocks)
                      : nullptr;
      }
    }
    Dual<S> x[kMostStages]{};
    S *record[kMostStages]{}, *bend[kMostStages]{};
  };

  /// Scratch of the way back: r, and c of all stages but the first.
  struct Way {
    Way(const RungeKutta& of, Index blocks, S* scratch) {
      const Index state = of.state(blocks);
      r = {scratch, scratch + state};
      for (int i = 1; i < of.stages_; ++i)
        c[i] = {scratch + 2 * i * state, scratch + (2 * i + 1) * state};
      rest = scratch + 2 * of.stages_ * state;
    }
    Dual<S> r, c[kMostStages]{};
    S* rest;
  };

  Index size(Index blocks) const { return block_->width() * blocks * kLanes<S>; }
  Index state(Index blocks) const { return Arena<S>::room(size(blocks)); }

  /// The sums to which stage i adds; the first stage starts them all at y.
  int targets(int i, Index blocks, Dual<const S> y, Dual<S> out, const Places& at,
              Update<S>* updates) const {
    int count = 0;
    const auto add_target = [&](double factor, Dual<S> to) {
      if (factor != 0) {
        updates[count++] = {i == 0 ? y.value : to.value, to.value, static_cast<S>(factor),
                            i == 0 ? y.dot : to.dot, to.dot};
      } else if (i == 0) {
        std::copy_n(y.value, size(blocks), to.value);
        if (to.dot != nullptr) std::copy_n(y.dot, size(blocks), to.dot);
      }
    };
    for (int j = i + 1; j < stages_; ++j) add_target(tableau_.a[j][i], at.x[j]);
    add_target(tableau_.b[i], out);
    return count;
  }

  /// r_i from A and the c_j, or their derivatives.
  void gather(int i, Index blocks, const S* A, const Way& way, S* Dual<S>::*part) const {
    S* r = way.r.*part;
    const auto b = static_cast<S>(tableau_.b[i]);
    for (Index k = 0; k < size(blocks); k += kLanes<S>) store(r + k, b * load(A + k));
    for (int j = i + 1; j < stages_; ++j) {
      if (tableau_.a[j][i] == 0) continue;
      const auto a = static_cast<S>(tableau_.a[j][i]);
      const S* c = way.c[j].*part;
      for (Index k = 0; k < size(blocks); k += kLanes<S>)
        store(r + k, load(r + k) + a * load(c + k));
    }
  }

  S* zeroed(S* x, Index blocks) const {
    std::fill_n(x, size(blocks), S(0));
    return x;
  }

  void add(Index blocks, const S* x, S* sum) const {
    for (Index k = 0; k < size(blocks); k += kLanes<S>) store(sum + k, load(sum + k) + load(x + k));
  }

  Tableau tableau_;
  int stages_;
  BlockPtr<S> block_;
};

}  // namespace

template <class S>
IntegratorPtr<S> make_runge_kutta(const Tableau& tableau, BlockPtr<S> block) {
  return std::make_unique<RungeKutta<S>>(tableau, std::move(block));
}

template IntegratorPtr<float> make_runge_kutta<float>(const Tableau&, BlockPtr<float>);
template IntegratorPtr<double> make_runge_kutta<double>(const Tableau&, BlockPtr<double>);

}  // namespace mgres
