/// Steps of two halves: q + f(p), then p + g(q) with the q just found.  If f and g are gradients of
/// potentials this is the symplectic Euler method.
///
/// The adjoint goes the same way back: with (a, b) = dL/d(p, q) behind the step, b += (dg/dq)^T a and
/// then a += (df/dp)^T b.
#include <algorithm>
#include <utility>

#include "integrators.hpp"
#include "mgres/arena.hpp"

namespace mgres {

namespace {

template <class S>
class Verlet final : public Integrator<S> {
 public:
  Verlet(BlockPtr<S> f, BlockPtr<S> g, bool shared)
      : f_(std::move(f)), g_(std::move(g)), of_g_(shared ? 0 : f_->parameters()) {}

  double cost() const override { return f_->cost() + g_->cost(); }

  Index record_size(Index blocks) const override { return Record(*this, blocks, false).size; }
  Index dual_record_size(Index blocks) const override { return Record(*this, blocks, true).size; }
  Index forward_scratch(Index blocks) const override {
    return 2 * half(blocks) + block_scratch(blocks);
  }
  Index scratch(Index blocks) const override { return 4 * half(blocks) + block_scratch(blocks); }

  void forward(const S* p, Index blocks, const S* y, S* out, S* record, S* scratch) const override {
    const Record at(*this, blocks, false, record);
    S* first = record != nullptr ? at.p.value : scratch;
    S* second = record != nullptr ? at.q.value : scratch + half(blocks);
    S* rest = scratch + 2 * half(blocks);
    split(blocks, y, first, second);
    const Update<S> of_q{second, second};
    f_->forward(p, blocks, first, {&of_q, 1}, at.f, rest);
    // p goes on in the scratch, where the record keeps the one before
    S* moved = record != nullptr ? scratch : first;
    const Update<S> of_p{first, moved};
    g_->forward(p + of_g_, blocks, second, {&of_p, 1}, at.g, rest);
    join(blocks, moved, second, out);
  }

  void adjoint(const S* p, Index blocks, const S*, const S* record, S* adjoint, S* gradient,
               S* scratch) const override {
    const Record at(*this, blocks, false, record);
    S *a = scratch, *b = a + half(blocks), *rest = b + half(blocks);
    split(blocks, adjoint, a, b);
    g_->adjoint(p + of_g_, blocks, at.q.value, at.g, a, b, behind(gradient), rest);
    f_->adjoint(p, blocks, at.p.value, at.f, b, a, gradient, rest);
    join(blocks, a, b, adjoint);
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> y, Dual<S> out, bool second, S* record,
               S* scratch) const override {
    Record at(*this, blocks, second, record);
    const Dual<S> moved{scratch, scratch + half(blocks)};
    if (!second) {
      at.p.dot = scratch + 2 * half(blocks);
      at.q.dot = scratch + 3 * half(blocks);
    }
    S* rest = scratch + 4 * half(blocks);
    split(blocks, y.value, at.p.value, at.q.value);
    split(blocks, y.dot, at.p.dot, at.q.dot);
    const Update<S> of_q{at.q.value, at.q.value, 1, at.q.dot, at.q.dot};
    f_->tangent(p, blocks, at.p, {&of_q, 1}, at.f, at.f_bend, rest);
    const Update<S> of_p{at.p.value, moved.value, 1, at.p.dot, moved.dot};
    g_->tangent(behind(p), blocks, at.q, {&of_p, 1}, at.g, at.g_bend, rest);
    join(blocks, moved.value, at.q.value, out.value);
    join(blocks, moved.dot, at.q.dot, out.dot);
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S>, const S* record,
                       Dual<S> adjoint, S* gradient_dot, S* scratch) const override {
    const Record at(*this, blocks, true, record);
    const Dual<S> a{scratch, scratch + half(blocks)};
    const Dual<S> b{scratch + 2 * half(blocks), scratch + 3 * half(blocks)};
    S* rest = scratch + 4 * half(blocks);
    split(blocks, adjoint.value, a.value, b.value);
    split(blocks, adjoint.dot, a.dot, b.dot);
    g_->adjoint_tangent(behind(p), blocks, at.q, at.g, at.g_bend, a, b, behind(gradient_dot), rest);
    f_->adjoint_tangent(p, blocks, at.p, at.f, at.f_bend, b, a, gradient_dot, rest);
    join(blocks, a.value, b.value, adjoint.value);
    join(blocks, a.dot, b.dot, adjoint.dot);
  }

 private:
  /// What is kept: p before and q behind the step, the records of both blocks, and with `dual` what
  /// tangents need beside them.
  struct Record {
    Record(const Verlet& of, Index blocks, bool dual, const S* memory = nullptr) {
      Arena<S> arena(const_cast<S*>(memory));
      p.value = arena.take(of.half(blocks));
      q.value = arena.take(of.half(blocks));
      f = arena.take(of.f_->record_size(blocks));
      g = arena.take(of.g_->record_size(blocks));
      if (dual) {
        p.dot = arena.take(of.half(blocks));
        q.dot = arena.take(of.half(blocks));
        f_bend = arena.take(of.f_->bend_size(blocks));
        g_bend = arena.take(of.g_->bend_size(blocks));
      }
      size = arena.used();
    }
    Dual<S> p{}, q{};
    S *f, *g, *f_bend = nullptr, *g_bend = nullptr;
    Index size;
  };

  Index rows(Index blocks) const { return f_->width() * blocks * kLanes<S>; }
  Index half(Index blocks) const { return Arena<S>::room(rows(blocks)); }
  Index block_scratch(Index blocks) const {
    return std::max(f_->scratch_size(blocks), g_->scratch_size(blocks));
  }

  S* behind(S* gradient) const { return gradient != nullptr ? gradient + of_g_ : nullptr; }
  Dual<const S> behind(Dual<const S> p) const {
    return {p.value + of_g_, p.dot != nullptr ? p.dot + of_g_ : nullptr};
  }

  /// Between a state, whose blocks have the rows of p and then those of q, and its halves.
  void split(Index blocks, const S* y, S* p, S* q) const {
    const Index n = f_->width() * kLanes<S>;
    for (Index b = 0; b < blocks; ++b) {
      std::copy_n(y + 2 * b * n, n, p + b * n);
      std::copy_n(y + (2 * b + 1) * n, n, q + b * n);
    }
  }
  void join(Index blocks, const S* p, const S* q, S* y) const {
    const Index n = f_->width() * kLanes<S>;
    for (Index b = 0; b < blocks; ++b) {
      std::copy_n(p + b * n, n, y + 2 * b * n);
      std::copy_n(q + b * n, n, y + (2 * b + 1) * n);
    }
  }

  BlockPtr<S> f_, g_;
  Index of_g_;  // where the parameters of g begin
};

}  // namespace

template <class S>
IntegratorPtr<S> make_verlet(BlockPtr<S> f, BlockPtr<S> g, bool shared) {
  return std::make_unique<Verlet<S>>(std::move(f), std::move(g), shared);
}

template IntegratorPtr<float> make_verlet<float>(BlockPtr<float>, BlockPtr<float>, bool);
template IntegratorPtr<double> make_verlet<double>(BlockPtr<double>, BlockPtr<double>, bool);

}  // namespace mgres
