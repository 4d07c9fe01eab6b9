#include <algorithm>

#include "map.hpp"
#include "mgres/check.hpp"

namespace mgres {

void check_convolution(const ConvolutionShape& shape) {
  const auto positive = [](const char* name, Index value) {
    check(value >= 1, name, ": expected at least 1, got ", value);
  };
  positive("in_channels", shape.in_channels);
  positive("out_channels", shape.out_channels);
  positive("height", shape.height);
  positive("width", shape.width);
  positive("groups", shape.groups);
  const auto odd = [](const char* name, Index value) {
    check(value >= 1 && value % 2 == 1, name, ": expected an odd number, got ", value);
  };
  odd("kernel_rows", shape.kernel_rows);
  odd("kernel_columns", shape.kernel_columns);
  check(shape.in_channels % shape.groups == 0 && shape.out_channels % shape.groups == 0,
        "groups: expected a divisor of ", shape.in_channels, " and ", shape.out_channels,
        " channels, got ", shape.groups);
}

template <class S>
Index convolution_scratch(const ConvolutionShape& shape) {
  using namespace detail;
  const Map forward(shape, false), transposed(shape, true);
  return std::max({ProductScratch<S>(forward, nullptr).size,
                   ProductScratch<S>(transposed, nullptr).size,
                   OuterScratch<S>(forward, nullptr).size, shape.out_channels * kLanes<S>});
}

template Index convolution_scratch<float>(const ConvolutionShape&);
template Index convolution_scratch<double>(const ConvolutionShape&);

}  // namespace mgres
