// Convolutions against plain loops in long double, over a table of shapes and over random ones.  The
// numbers are small integers, so that sums are exact in any order and results must be equal, not
// close.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/convolution.hpp"
#include "mgres/simd.hpp"
#include "mgres/workspace.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;
using Shape = ConvolutionShape;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

std::string text(const Shape& s) {
  const auto number = [](Index i) { return std::to_string(i); };
  return number(s.in_channels) + " -> " + number(s.out_channels) + " channels in " +
         number(s.groups) + " groups, image " + number(s.height) + "x" + number(s.width) +
         ", kernel " + number(s.kernel_rows) + "x" + number(s.kernel_columns) +
         (s.periodic ? ", periodic" : ", zero");
}

/// Call f(weight, output, input), all of them numbers of one sample, for each pair of numbers that a
/// convolution multiplies.
template <class F>
void for_each_pair(const Shape& s, const F& f) {
  const Index ins = s.in_channels / s.groups, outs = s.out_channels / s.groups;
  Index weight = 0;
  for (Index o = 0; o < s.out_channels; ++o)
    for (Index c = 0; c < ins; ++c)
      for (Index k = 0; k < s.kernel_rows; ++k)
        for (Index l = 0; l < s.kernel_columns; ++l, ++weight)
          for (Index i = 0; i < s.height; ++i)
            for (Index j = 0; j < s.width; ++j) {
              Index row = i + k - s.kernel_rows / 2, column = j + l - s.kernel_columns / 2;
              if (s.periodic) {
                while (row < 0) row += s.height;
                while (column < 0) column += s.width;
                row %= s.height;
                column %= s.width;
              }
              if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
              const Index channel = o / outs * ins + c;
              f(weight, (o * s.height + i) * s.width + j,
                (channel * s.height + row) * s.width + column);
            }
}

template <class S>
struct Problem {
  static constexpr Index L = kLanes<S>;

  Problem(const Shape& shape_, Index blocks_)
      : shape(shape_),
        blocks(blocks_),
        random(static_cast<std::uint64_t>(shape.inputs() + blocks)) {
    check_convolution(shape);
    for (auto* w : {&W, &W2}) *w = random.integers<S>(shape.weights());
    for (auto* v : {&x, &x2}) *v = random.integers<S>(shape.inputs() * blocks * L);
    for (auto* v : {&s, &s2}) *v = random.integers<S>(shape.outputs() * blocks * L);
    const Index size = convolution_scratch<S>(shape);
    scratch = memory.reserve(size);
    std::fill_n(scratch, size, S(1e9));
  }

  /// The number of a feature of a sample in a chunk of `features` features.
  static Index at(Index features, Index sample, Index feature) {
    return (sample / L * features + feature) * L + sample % L;
  }

  /// y += W * x, or with the transpose.
  void add_product(const std::vector<S>& w, const std::vector<S>& in, bool transposed,
                   std::vector<Real>& y) const {
    const Index ins = transposed ? shape.outputs() : shape.inputs();
    const Index outs = transposed ? shape.inputs() : shape.outputs();
    for_each_pair(shape, [&](Index weight, Index out, Index input) {
      if (transposed) std::swap(out, input);
      for (Index n = 0; n < blocks * L; ++n)
        y[u(at(outs, n, out))] +=
            static_cast<Real>(w[u(weight)]) * static_cast<Real>(in[u(at(ins, n, input))]);
    });
  }

  /// Every way to call one of the two products.
  void check_products(bool transposed) {
    const Index channels = transposed ? shape.in_channels : shape.out_channels;
    const auto& in = transposed ? s : x;
    const auto& in2 = transposed ? s2 : x2;
    const std::vector<S> bias = random.integers<S>(channels);
    const std::vector<S> from = random.integers<S>(channels * shape.pixels() * blocks * L);
    const auto call = transposed ? multiply_transposed<S> : convolve;
    for (int way = 0; way < 16; ++way) {
      CAPTURE(way);
      const bool with_bias = way & 1, with_from = way & 2, one = way & 4, two = way & 8;
      std::vector<Real> expected(from.size(), 0);
      for (std::size_t i = 0; i < from.size(); ++i) {
        const Index feature = static_cast<Index>(i) / L % (channels * shape.pixels());
        if (with_bias) expected[i] += static_cast<Real>(bias[u(feature / shape.pixels())]);
        if (with_from) expected[i] += static_cast<Real>(from[i]);
      }
      if (one) add_product(W, in, transposed, expected);
      if (two) add_product(W2, in2, transposed, expected);
      std::vector<S> out = from;  // in place
      call(shape, blocks, {with_bias ? bias.data() : nullptr, with_from ? out.data() : nullptr},
           {one ? W.data() : nullptr, in.data()}, {two ? W2.data() : nullptr, in2.data()},
           out.data(), scratch);
      CHECK(std::equal(out.begin(), out.end(), expected.begin()));
    }
  }

  void check_derivatives() {
    std::vector<S> dW = random.integers<S>(shape.weights());
    std::vector<S> db = random.integers<S>(shape.out_channels);
    std::vector<Real> expected_dW(dW.begin(), dW.end()), expected_db(db.begin(), db.end());
    for_each_pair(shape, [&](Index weight, Index out, Index input) {
      for (Index n = 0; n < blocks * L; ++n)
        expected_dW[u(weight)] += static_cast<Real>(s[u(at(shape.outputs(), n, out))]) *
                                  static_cast<Real>(x[u(at(shape.inputs(), n, input))]);
    });
    for (Index n = 0; n < blocks * L; ++n)
      for (Index i = 0; i < shape.outputs(); ++i)
        expected_db[u(i / shape.pixels())] +=
            static_cast<Real>(s[u(at(shape.outputs(), n, i))]) / 2;
    add_outer<S>(shape, blocks, s.data(), x.data(), dW.data(), scratch);
    CHECK(std::equal(dW.begin(), dW.end(), expected_dW.begin()));
    add_channel_sums<S>(shape.out_channels, shape.pixels(), blocks, s.data(), db.data(), scratch,
                        S(0.5));
    CHECK(std::equal(db.begin(), db.end(), expected_db.begin()));
  }

  void check_all() {
    CAPTURE(text(shape));
    CAPTURE(blocks);
    check_products(false);
    check_products(true);
    check_derivatives();
  }

  static void convolve(const Shape& shape, Index blocks, Start<S> start, Applied<S> first,
                       Applied<S> second, S* out, S* scratch) {
    multiply<S>(shape, blocks, start, first, second, out, scratch);
  }

  Shape shape;
  Index blocks;
  Random random;
  std::vector<S> W, W2, x, x2, s, s2;
  Buffer<S> memory;
  S* scratch;
};

Shape random_shape(Random& random) {
  Shape shape;
  shape.groups = 1 + random.below(3);
  shape.in_channels = shape.groups * (1 + random.below(5));
  shape.out_channels = shape.groups * (1 + random.below(6));
  shape.height = 1 + random.below(7);
  shape.width = 1 + random.below(14);
  shape.kernel_rows = 1 + 2 * random.below(3);
  shape.kernel_columns = 1 + 2 * random.below(3);
  shape.periodic = random.below(2) == 1;
  return shape;
}

}  // namespace

TEST_CASE_TEMPLATE("convolutions, a table of shapes", S, float, double) {
  for (const bool periodic : {false, true})
    for (const Shape& shape :
         {Shape{1, 1, 1, 1, 1, 1, 1, periodic}, Shape{8, 8, 8, 8, 3, 3, 1, periodic},
          Shape{5, 7, 4, 6, 3, 3, 1, periodic},    // not square
          Shape{3, 5, 1, 20, 1, 3, 1, periodic},   // one dimension
          Shape{2, 3, 20, 1, 3, 1, 1, periodic},   // and the other
          Shape{5, 9, 3, 4, 1, 1, 1, periodic},    // a dense product at each pixel
          Shape{7, 7, 5, 9, 3, 3, 7, periodic},    // depthwise
          Shape{6, 6, 5, 17, 5, 5, 6, periodic},   // depthwise, wide
          Shape{3, 3, 4, 5, 1, 1, 3, periodic},    // a factor for each channel
          Shape{4, 6, 5, 5, 3, 3, 2, periodic},    // two groups
          Shape{3, 12, 4, 4, 3, 3, 3, periodic},   // a channel into four
          Shape{2, 2, 2, 2, 5, 5, 1, periodic},    // kernels larger than the image
          Shape{2, 3, 1, 1, 5, 3, 1, periodic},    // and much larger
          Shape{2, 3, 1, 9, 3, 3, 1, periodic},    // in one direction
          Shape{1, 2, 3, 2, 7, 9, 1, periodic},    // in both, several times
          Shape{2, 2, 2, 13, 3, 1, 1, periodic}})  // a column
      for (const Index blocks : {1, 3}) Problem<S>(shape, blocks).check_all();
}

TEST_CASE_TEMPLATE("convolutions, random shapes", S, float, double) {
  Random random(14);
  for (int i = 0; i < 40; ++i) {
    const Shape shape = random_shape(random);
    Problem<S>(shape, 1 + random.below(3)).check_all();
  }
}

TEST_CASE_TEMPLATE("<W * x, s> = <x, W^T s> = <dW, W>", S, float, double) {
  Random random(15);
  for (int i = 0; i < 20; ++i) {
    const Shape shape = random_shape(random);
    CAPTURE(text(shape));
    Problem<S> p(shape, 2);
    std::vector<S> y(p.s.size()), z(p.x.size()), dW(p.W.size());
    multiply<S>(shape, 2, {}, {p.W.data(), p.x.data()}, {}, y.data(), p.scratch);
    multiply_transposed<S>(shape, 2, {}, {p.W.data(), p.s.data()}, {}, z.data(), p.scratch);
    add_outer<S>(shape, 2, p.s.data(), p.x.data(), dW.data(), p.scratch);
    const auto dot = [](const std::vector<S>& a, const std::vector<S>& b) {
      Real sum = 0;
      for (std::size_t k = 0; k < a.size(); ++k)
        sum += static_cast<Real>(a[k]) * static_cast<Real>(b[k]);
      return sum;
    };
    CHECK(dot(y, p.s) == dot(p.x, z));
    CHECK(dot(y, p.s) == dot(dW, p.W));
  }
}

TEST_CASE_TEMPLATE("a sample of a chunk has the same convolution in any company", S, float,
                   double) {
  // bit for bit, for numbers that are rounded: chunks of other sizes must not change a result
  constexpr Index L = kLanes<S>;
  const Shape shape{3, 5, 4, 7, 3, 3, 1, false};
  Random random(16);
  const std::vector<S> W = random.vector<S>(shape.weights());
  const std::vector<S> x = random.vector<S>(shape.inputs() * 3 * L);
  Buffer<S> memory;
  S* scratch = memory.reserve(convolution_scratch<S>(shape));
  std::vector<S> all(u(shape.outputs() * 3 * L)), one(u(shape.outputs() * L));
  multiply<S>(shape, 3, {}, {W.data(), x.data()}, {}, all.data(), scratch);
  for (Index b = 0; b < 3; ++b) {
    const S* xb = x.data() + b * shape.inputs() * L;
    multiply<S>(shape, 1, {}, {W.data(), xb}, {}, one.data(), scratch);
    CHECK(std::equal(one.begin(), one.end(), all.begin() + b * shape.outputs() * L));
  }
}

TEST_CASE("check_convolution says what is wrong") {
  const auto message = [](Shape shape) -> std::string {
    try {
      check_convolution(shape);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({4, 6, 5, 5, 3, 3, 2, false}).empty());
  CHECK(message({0, 6, 5, 5, 3, 3, 2, false}) == "in_channels: expected at least 1, got 0");
  CHECK(message({4, -1, 5, 5, 3, 3, 2, false}) == "out_channels: expected at least 1, got -1");
  CHECK(message({4, 6, 0, 5, 3, 3, 2, false}) == "height: expected at least 1, got 0");
  CHECK(message({4, 6, 5, 0, 3, 3, 2, false}) == "width: expected at least 1, got 0");
  CHECK(message({4, 6, 5, 5, 3, 3, 0, false}) == "groups: expected at least 1, got 0");
  CHECK(message({4, 6, 5, 5, 2, 3, 2, false}) == "kernel_rows: expected an odd number, got 2");
  CHECK(message({4, 6, 5, 5, 3, -3, 2, false}) == "kernel_columns: expected an odd number, got -3");
  CHECK(message({4, 6, 5, 5, 3, 3, 4, false}) ==
        "groups: expected a divisor of 4 and 6 channels, got 4");
}
