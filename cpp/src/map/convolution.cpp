/// W * x for images; see convolution.hpp.
#include "mgres/linear_map.hpp"

namespace mgres {

namespace {

template <class S>
class Convolution final : public LinearMap<S> {
 public:
  explicit Convolution(const ConvolutionShape& shape)
      : LinearMap<S>(shape.inputs(), shape.outputs(), shape.weights(), shape.out_channels),
        shape_(shape) {}

  double cost() const override {
    return static_cast<double>(shape_.weights()) * static_cast<double>(shape_.pixels());
  }
  Index scratch_size(Index) const override { return convolution_scratch<S>(shape_); }

  void apply(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
             S* scratch) const override {
    multiply<S>(shape_, blocks, start, first, second, out, scratch);
  }

  void apply_transposed(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
                        S* scratch) const override {
    multiply_transposed<S>(shape_, blocks, start, first, second, out, scratch);
  }

  void add_outer(Index blocks, const S* s, const S* x, S* weights, S* scratch) const override {
    mgres::add_outer(shape_, blocks, s, x, weights, scratch);
  }

  void add_sums(Index blocks, const S* s, S* bias, S* scratch, S factor) const override {
    add_channel_sums(shape_.out_channels, shape_.pixels(), blocks, s, bias, scratch, factor);
  }

 private:
  ConvolutionShape shape_;
};

}  // namespace

template <class S>
MapPtr<S> make_convolution(const ConvolutionShape& shape) {
  return std::make_unique<Convolution<S>>(shape);
}

template MapPtr<float> make_convolution<float>(const ConvolutionShape&);
template MapPtr<double> make_convolution<double>(const ConvolutionShape&);

}  // namespace mgres
