/// W of any numbers (outputs, inputs), row-major.
#include "mgres/linear_map.hpp"

namespace mgres {

namespace {

template <class S>
class Matrix final : public LinearMap<S> {
 public:
  Matrix(Index rows, Index columns)
      : LinearMap<S>(columns, rows, rows * columns, rows), rows_(rows), columns_(columns) {}

  double cost() const override { return static_cast<double>(this->weights()); }
  Index scratch_size(Index blocks) const override {
    return outer_scratch<S>(rows_, columns_, blocks);
  }

  void apply(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
             S*) const override {
    const auto factor = [&](Applied<S> a) { return Factor<S>{a.weights, columns_, 1, a.x}; };
    multiply<S>(rows_, columns_, blocks, start, factor(first), factor(second), out);
  }

  void apply_transposed(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
                        S*) const override {
    const auto factor = [&](Applied<S> a) { return Factor<S>{a.weights, 1, columns_, a.x}; };
    multiply<S>(columns_, rows_, blocks, start, factor(first), factor(second), out);
  }

  void add_outer(Index blocks, const S* s, const S* x, S* weights, S* scratch) const override {
    mgres::add_outer(rows_, columns_, blocks, s, x, weights, scratch);
  }

  void add_sums(Index blocks, const S* s, S* bias, S* scratch, S factor) const override {
    mgres::add_sums(rows_, blocks, s, bias, scratch, factor);
  }

 private:
  Index rows_, columns_;
};

}  // namespace

template <class S>
MapPtr<S> make_matrix(Index rows, Index columns) {
  return std::make_unique<Matrix<S>>(rows, columns);
}

template MapPtr<float> make_matrix<float>(Index, Index);
template MapPtr<double> make_matrix<double>(Index, Index);

}  // namespace mgres
