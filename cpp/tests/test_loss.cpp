#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/loss.hpp"
#include "mgres/simd.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

template <class S>
void check_block(Loss loss, bool labels, Index outputs, Index count, double scale) {
  CAPTURE(static_cast<int>(loss));
  CAPTURE(labels);
  CAPTURE(outputs);
  CAPTURE(count);
  CAPTURE(scale);
  const Index lanes = kLanes<S>;
  const Index first = 3;
  Random random(static_cast<std::uint64_t>(outputs * 100 + count));
  std::vector<S> t = random.vector<S>((first + count) * outputs, 0, 1);
  std::vector<std::int64_t> c(u(first + count));
  for (std::int64_t& label : c) label = random.below(outputs);
  Targets<S> targets;
  if (labels)
    targets.labels = c.data();
  else
    targets.vectors = t.data();
  const std::vector<S> logits = random.vector<S>(outputs * lanes, -scale, scale);
  std::vector<S> z = logits, losses(u(lanes), S(-1)), scratch(u(outputs * lanes));
  const S weight = S(0.125);
  block_loss(loss, targets, first, count, outputs, weight, z.data(), losses.data(), scratch.data());

  const double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
  for (Index l = 0; l < lanes; ++l) {
    if (l >= count) {  // samples that do not exist
      CHECK(losses[u(l)] == 0);
      for (Index k = 0; k < outputs; ++k) CHECK(z[u(k * lanes + l)] == 0);
      continue;
    }
    std::vector<Real> g(u(outputs));
    for (Index k = 0; k < outputs; ++k) g[u(k)] = logits[u(k * lanes + l)];
    const Real expected = reference::loss(loss, g, reference::target(targets, first + l, outputs));
    const Real size = static_cast<Real>(scale) * static_cast<Real>(outputs) + expected;
    CHECK(std::fabs(losses[u(l)] - expected) < 20 * epsilon * size);
    for (Index k = 0; k < outputs; ++k)
      CHECK(std::fabs(z[u(k * lanes + l)] / weight - g[u(k)]) <
            10 * epsilon * (static_cast<Real>(scale) + static_cast<Real>(outputs)));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("value and derivative of every sample of a block", S, float, double) {
  for (const Loss loss : {Loss::cross_entropy, Loss::squared_error})
    for (const bool labels : {true, false})
      for (const Index outputs : {1, 2, 3, 10, 17})
        for (const Index count : {Index{kLanes<S>}, kLanes<S> - Index{1}, Index{1}})
          check_block<S>(loss, labels, outputs, count, 3);
}

TEST_CASE_TEMPLATE("the last column of weighted vectors multiplies loss and derivative", S, float,
                   double) {
  const Index lanes = kLanes<S>, outputs = 3, first = 2;
  Random random(7);
  const std::vector<S> t = random.vector<S>((first + lanes) * outputs, 0, 1);
  std::vector<S> weighted;
  const auto weight = [&](Index j) { return static_cast<S>(j % 4) / 2; };  // exact products
  for (Index j = 0; j < first + lanes; ++j) {
    for (Index c = 0; c < outputs; ++c) weighted.push_back(t[u(j * outputs + c)]);
    weighted.push_back(weight(j));
  }
  Targets<S> plain, heavy;
  plain.vectors = t.data();
  heavy.vectors = weighted.data();
  heavy.weighted = true;
  const std::vector<S> logits = random.vector<S>(outputs * lanes, -3, 3);
  for (const Loss loss : {Loss::cross_entropy, Loss::squared_error})
    for (const Index count : {lanes, lanes - 1}) {
      std::vector<S> z = logits, zw = logits, losses(u(lanes)), losses_w(u(lanes), S(-1));
      std::vector<S> scratch(u(outputs * lanes));
      block_loss(loss, plain, first, count, outputs, S(0.5), z.data(), losses.data(),
                 scratch.data());
      block_loss(loss, heavy, first, count, outputs, S(0.5), zw.data(), losses_w.data(),
                 scratch.data());
      for (Index l = 0; l < lanes; ++l) {
        CHECK(losses_w[u(l)] == weight(first + l) * losses[u(l)]);
        for (Index c = 0; c < outputs; ++c)
          CHECK(zw[u(c * lanes + l)] == weight(first + l) * z[u(c * lanes + l)]);
      }
    }
}

TEST_CASE_TEMPLATE("cross-entropy neither overflows nor cancels", S, float, double) {
  for (const double scale : {1e-3, 50.0, 200.0, 1e4})
    check_block<S>(Loss::cross_entropy, true, 10, kLanes<S>, scale);
}

TEST_CASE_TEMPLATE("a NaN in one sample's logits is seen in that sample alone", S, float, double) {
  const Index lanes = kLanes<S>;
  const std::vector<std::int64_t> c(u(lanes), 1);
  Targets<S> targets;
  targets.labels = c.data();
  for (const Loss loss : {Loss::cross_entropy, Loss::squared_error})
    for (Index k = 0; k < 3; ++k) {
      std::vector<S> z(u(3 * lanes), S(0.5)), losses(u(lanes)), scratch(u(3 * lanes));
      z[u(k * lanes + 1)] = std::numeric_limits<S>::quiet_NaN();
      block_loss(loss, targets, 0, lanes, 3, S(1), z.data(), losses.data(), scratch.data());
      for (Index l = 0; l < lanes; ++l) CHECK(std::isnan(losses[u(l)]) == (l == 1));
    }
}
