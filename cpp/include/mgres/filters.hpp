/// The sizes of convolutions of images, which convolution.hpp computes.
#pragma once

#include "mgres/types.hpp"

namespace mgres {

struct ConvolutionShape {
  Index in_channels = 1;
  Index out_channels = 1;
  Index height = 1;
  Index width = 1;
  Index kernel_rows = 1;  // odd, like the columns; the kernel may be larger than the image
  Index kernel_columns = 1;
  Index groups = 1;  // each of in_channels / groups channels, of which only its own outputs know
  bool periodic = false;

  Index pixels() const { return height * width; }
  Index inputs() const { return in_channels * pixels(); }
  Index outputs() const { return out_channels * pixels(); }
  Index taps() const { return in_channels / groups * kernel_rows * kernel_columns; }
  Index weights() const { return out_channels * taps(); }
};

/// Throw std::invalid_argument unless there is such a convolution.
void check_convolution(const ConvolutionShape& shape);

/// Images as states, and the convolutions between them; without channels states are vectors.
struct Filters {
  Index channels = 0;
  Index height = 1;
  Index width = 1;
  Index kernel_rows = 1;
  Index kernel_columns = 1;
  Index groups = 1;
  bool periodic = false;

  bool any() const { return channels > 0; }
  Index pixels() const { return height * width; }
  ConvolutionShape shape(Index outputs, Index inputs) const {
    return {inputs, outputs, height, width, kernel_rows, kernel_columns, groups, periodic};
  }
};

}  // namespace mgres
