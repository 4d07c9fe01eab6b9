// Maps between resolutions against their formulas, and a strided convolution against its own.
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/convolution.hpp"
#include "mgres/pooling.hpp"
#include "mgres/simd.hpp"
#include "mgres/workspace.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

const PoolingShape kShapes[] = {{1, 2, 2, 2}, {3, 4, 6, 2}, {2, 5, 7, 2},
                                {2, 7, 4, 3}, {3, 3, 4, 1}, {2, 1, 5, 1}};

template <class S>
Real dot(const std::vector<S>& a, const std::vector<S>& b) {
  Real sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<Real>(a[i]) * static_cast<Real>(b[i]);
  return sum;
}

}  // namespace

TEST_CASE_TEMPLATE("subsample and average_pool, and their transposes", S, float, double) {
  constexpr Index L = kLanes<S>;
  Random random(17);
  for (const PoolingShape& shape : kShapes)
    for (const Index blocks : {1, 3}) {
      CAPTURE(shape.height);
      CAPTURE(shape.width);
      CAPTURE(shape.size);
      check_pooling(shape);
      const std::vector<S> x = random.integers<S>(shape.inputs() * blocks * L);
      for (const bool mean : {false, true}) {
        const Index height = mean ? shape.averaged_height() : shape.sampled_height();
        const Index width = mean ? shape.averaged_width() : shape.sampled_width();
        const std::vector<S> s = random.integers<S>(shape.channels * height * width * blocks * L);
        std::vector<S> small(s.size(), S(9)), large(x.size(), S(9));
        (mean ? average_pool<S> : subsample<S>)(shape, blocks, x.data(), small.data());
        const Index edge = mean ? shape.size : 1;
        Index at = 0;
        for (Index image = 0; image < blocks * shape.channels; ++image)
          for (Index i = 0; i < height; ++i)
            for (Index j = 0; j < width; ++j)
              for (Index lane = 0; lane < L; ++lane, ++at) {
                Real sum = 0;
                for (Index k = 0; k < edge; ++k)
                  for (Index l = 0; l < edge; ++l) {
                    const Index row = image * shape.height + i * shape.size + k;
                    const Index column = j * shape.size + l;
                    sum += static_cast<Real>(x[u((row * shape.width + column) * L + lane)]);
                  }
                const Real expected = sum / static_cast<Real>(edge * edge);
                CHECK(static_cast<double>(small[u(at)]) ==
                      doctest::Approx(static_cast<double>(expected)).epsilon(1e-6));
              }
        CHECK(at == static_cast<Index>(small.size()));
        (mean ? average_pool_transposed<S> : subsample_transposed<S>)(shape, blocks, s.data(),
                                                                      large.data());
        CHECK(static_cast<double>(dot(small, s)) ==
              doctest::Approx(static_cast<double>(dot(x, large))).epsilon(1e-6));
      }
    }
}

TEST_CASE("subsample after a convolution is a convolution that moves by two pixels") {
  using S = double;
  constexpr Index L = kLanes<S>;
  const ConvolutionShape shape{2, 3, 5, 6, 3, 3, 1, false};
  const PoolingShape pooling{3, 5, 6, 2};
  Random random(18);
  const std::vector<S> W = random.integers<S>(shape.weights());
  const std::vector<S> x = random.integers<S>(shape.inputs() * L);
  std::vector<S> large(u(shape.outputs() * L)), small(u(27 * L));
  Buffer<S> memory;
  multiply<S>(shape, 1, {}, {W.data(), x.data()}, {}, large.data(),
              memory.reserve(convolution_scratch<S>(shape)));
  subsample<S>(pooling, 1, large.data(), small.data());
  Index at = 0;
  for (Index o = 0; o < 3; ++o)
    for (Index i = 0; i < 3; ++i)
      for (Index j = 0; j < 3; ++j)
        for (Index lane = 0; lane < L; ++lane, ++at) {
          S sum = 0;
          for (Index c = 0; c < 2; ++c)
            for (Index k = 0; k < 3; ++k)
              for (Index l = 0; l < 3; ++l) {
                const Index row = 2 * i + k - 1, column = 2 * j + l - 1;
                if (row < 0 || row >= 5 || column < 0 || column >= 6) continue;
                sum += W[u(((o * 2 + c) * 3 + k) * 3 + l)] *
                       x[u(((c * 5 + row) * 6 + column) * L + lane)];
              }
          CHECK(small[u(at)] == sum);
        }
}

TEST_CASE("check_pooling says what is wrong") {
  const auto message = [](const PoolingShape& shape) -> std::string {
    try {
      check_pooling(shape);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({1, 2, 2, 2}).empty());
  CHECK(message({0, 2, 2, 2}) == "channels: expected at least 1, got 0");
  CHECK(message({1, 2, 2, 0}) == "size: expected at least 1, got 0");
  CHECK(message({1, 4, 2, 3}) == "size: expected at most 2 for images of 4x2, got 3");
}
