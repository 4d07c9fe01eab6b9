/// W with the entries of a pattern, those of its rows one after the other.
#include "mgres/sparse.hpp"

#include <utility>

#include "mgres/linear_map.hpp"

namespace mgres {

namespace {

template <class S>
class Sparse final : public LinearMap<S> {
 public:
  explicit Sparse(std::shared_ptr<const Pattern> pattern)
      : LinearMap<S>(pattern->width(), pattern->width(), pattern->entries(), pattern->width()),
        pattern_(std::move(pattern)) {}

  double cost() const override { return static_cast<double>(this->weights()); }
  Index scratch_size(Index blocks) const override {
    return outer_scratch<S>(this->outputs(), 1, blocks);
  }

  void apply(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
             S*) const override {
    multiply<S>(pattern_->rows(), blocks, start, first, second, out);
  }

  void apply_transposed(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
                        S*) const override {
    multiply<S>(pattern_->columns(), blocks, start, first, second, out);
  }

  void add_outer(Index blocks, const S* s, const S* x, S* weights, S*) const override {
    mgres::add_outer(pattern_->rows(), blocks, s, x, weights);
  }

  void add_sums(Index blocks, const S* s, S* bias, S* scratch, S factor) const override {
    mgres::add_sums(this->outputs(), blocks, s, bias, scratch, factor);
  }

 private:
  std::shared_ptr<const Pattern> pattern_;  // which levels and threads share
};

}  // namespace

template <class S>
MapPtr<S> make_sparse(std::shared_ptr<const Pattern> pattern) {
  return std::make_unique<Sparse<S>>(std::move(pattern));
}

template MapPtr<float> make_sparse<float>(std::shared_ptr<const Pattern>);
template MapPtr<double> make_sparse<double>(std::shared_ptr<const Pattern>);

}  // namespace mgres
