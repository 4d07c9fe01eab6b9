/// A block whose matrix is a linear map of the parameters: its antisymmetric part, or its transpose.
#include <algorithm>
#include <utility>

#include "mgres/arena.hpp"
#include "pieces.hpp"

namespace mgres {

namespace {

/// out = (A - A^T) / 2; out may be A.
template <class S>
void antisymmetric_part(const S* A, Index n, S* out) {
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < i; ++j) {
      const S half = (A[i * n + j] - A[j * n + i]) / 2;
      out[i * n + j] = half;
      out[j * n + i] = -half;
    }
    out[i * n + i] = (A[i * n + i] - A[i * n + i]) / 2;  // a NaN stays
  }
}

template <class S>
void transpose(const S* A, Index n, S* out) {
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) out[j * n + i] = A[i * n + j];
}

// Both maps are their own adjoint, so that the derivative goes back by the map that led here.
template <class S>
class Mapped final : public Block<S> {
 public:
  Mapped(Map map, double damping, BlockPtr<S> inner)
      : Block<S>(inner->parameters(), inner->width()),
        map_(map),
        damping_(static_cast<S>(damping)),
        n_(inner->width()),
        inner_(std::move(inner)) {}

  double cost() const override { return inner_->cost(); }
  Index record_size(Index blocks) const override { return inner_->record_size(blocks); }
  Index bend_size(Index blocks) const override { return inner_->bend_size(blocks); }
  Index scratch_size(Index blocks) const override {
    return 3 * layer() + inner_->scratch_size(blocks);
  }

  void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S* record,
               S* scratch) const override {
    inner_->forward(mapped(p, scratch), blocks, x, updates, record, scratch + 3 * layer());
  }

  void adjoint(const S* p, Index blocks, const S* x, const S* record, const S* r, S* a, S* gradient,
               S* scratch) const override {
    S* own = zeroed(gradient, scratch + layer());
    inner_->adjoint(mapped(p, scratch), blocks, x, record, r, a, own, scratch + 3 * layer());
    pull_back(own, gradient);
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> x, Updates<S> updates, S* record,
               S* bend, S* scratch) const override {
    inner_->tangent(mapped(p, scratch), blocks, x, updates, record, bend, scratch + 3 * layer());
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> x, const S* record,
                       const S* bend, Dual<const S> r, Dual<S> a, S* gradient_dot,
                       S* scratch) const override {
    S* own = zeroed(gradient_dot, scratch + 2 * layer());
    inner_->adjoint_tangent(mapped(p, scratch), blocks, x, record, bend, r, a, own,
                            scratch + 3 * layer());
    pull_back(own, gradient_dot);
  }

 private:
  Index layer() const { return Arena<S>::room(this->parameters()); }

  void map(const S* p, S* out) const {
    if (map_ == Map::antisymmetric)
      antisymmetric_part(p, n_, out);
    else
      transpose(p, n_, out);
  }

  const S* mapped(const S* p, S* memory) const {
    map(p, memory);
    std::copy(p + n_ * n_, p + this->parameters(), memory + n_ * n_);
    for (Index i = 0; i < n_; ++i) memory[i * (n_ + 1)] -= damping_;
    return memory;
  }

  Dual<const S> mapped(Dual<const S> p, S* memory) const {
    S* dot = memory + layer();
    if (p.dot != nullptr) {
      map(p.dot, dot);
      std::copy(p.dot + n_ * n_, p.dot + this->parameters(), dot + n_ * n_);
    }
    return {mapped(p.value, memory), p.dot != nullptr ? dot : nullptr};
  }

  /// Room for the derivative by the mapped parameters; null if none is wanted.
  S* zeroed(const S* gradient, S* memory) const {
    if (gradient == nullptr) return nullptr;
    std::fill_n(memory, this->parameters(), S(0));
    return memory;
  }

  void pull_back(S* own, S* gradient) const {
    if (gradient == nullptr) return;
    if (map_ == Map::antisymmetric) {
      antisymmetric_part(own, n_, own);
      for (Index i = 0; i < n_ * n_; ++i) gradient[i] += own[i];
    } else {
      for (Index i = 0; i < n_; ++i)
        for (Index j = 0; j < n_; ++j) gradient[i * n_ + j] += own[j * n_ + i];
    }
    for (Index i = n_ * n_; i < this->parameters(); ++i) gradient[i] += own[i];
  }

  Map map_;
  S damping_;
  Index n_;
  BlockPtr<S> inner_;
};

}  // namespace

template <class S>
BlockPtr<S> make_mapped(Map map, double damping, BlockPtr<S> inner) {
  return std::make_unique<Mapped<S>>(map, damping, std::move(inner));
}

template BlockPtr<float> make_mapped<float>(Map, double, BlockPtr<float>);
template BlockPtr<double> make_mapped<double>(Map, double, BlockPtr<double>);

}  // namespace mgres
