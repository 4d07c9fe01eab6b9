// Transfers in depth against explicit matrices that are built from the documented formulas.
#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/transfer.hpp"
#include "reference.hpp"
#include "reference_transfer.hpp"

using namespace mgres;
using reference::apply;
using reference::Matrix;
using reference::projection_matrix;
using reference::prolongation_matrix;
using reference::Random;

namespace {

constexpr Prolongation kProlongations[] = {Prolongation::constant, Prolongation::linear};
constexpr Projection kProjections[] = {Projection::mean, Projection::injection,
                                       Projection::full_weighting};

template <class S, class Check>
void for_all_shapes(const Check& check) {
  Random random(5);
  for (const Index coarse : {1, 2, 3, 8})
    for (const Index m : {1, 2, 3, 4, 5})
      for (const Index layer : {1, 12})
        for (const Index ends : {0, 7}) {
          for (const bool several : {false, true}) {
            DepthTransfer t{ends, {{layer, coarse}}, m, ends == 0 ? 0 : ends + 2};
            if (several) t.stacks.insert(t.stacks.end(), {{3, 2 * coarse}, {layer, 1}});
            CAPTURE(coarse);
            CAPTURE(m);
            CAPTURE(layer);
            CAPTURE(ends);
            CAPTURE(several);
            check(t, random.vector<S>(t.coarse_size()), random.vector<S>(t.fine_size()));
          }
        }
}

/// The matrix of an operator for the layers of each stack.
template <class Make>
std::vector<Matrix> for_stacks(const DepthTransfer& t, const Make& make) {
  std::vector<Matrix> matrices;
  for (const StackOfLayers& stack : t.stacks) matrices.push_back(make(stack.coarse_depth));
  return matrices;
}

constexpr double kTolerance = 8;  // epsilons

}  // namespace

TEST_CASE_TEMPLATE("prolong and restrict are a matrix and its transpose", S, float, double) {
  for_all_shapes<S>([](const DepthTransfer& t, const std::vector<S>& coarse,
                       const std::vector<S>& fine) {
    for (const Prolongation kind : kProlongations) {
      const auto P = for_stacks(
          t, [&](Index coarse_depth) { return prolongation_matrix(kind, coarse_depth, t.factor); });
      const auto transposed = for_stacks(t, [&](Index coarse_depth) {
        return prolongation_matrix(kind, coarse_depth, t.factor).transposed();
      });
      std::vector<S> up(fine.size(), S(9)), down(coarse.size(), S(9));
      prolong(t, kind, coarse.data(), up.data());
      restrict(t, kind, fine.data(), down.data());
      CHECK(reference::error_in_epsilons(up.data(), apply(P, t, coarse)) < kTolerance);
      CHECK(reference::error_in_epsilons(down.data(), apply(transposed, t, fine)) < kTolerance);
    }
  });
}

TEST_CASE_TEMPLATE("project is the matrix of its formula", S, float, double) {
  for_all_shapes<S>([](const DepthTransfer& t, const std::vector<S>& coarse,
                       const std::vector<S>& fine) {
    for (const Projection kind : kProjections) {
      const auto Pi = for_stacks(
          t, [&](Index coarse_depth) { return projection_matrix(kind, coarse_depth, t.factor); });
      std::vector<S> down(coarse.size(), S(9));
      project(t, kind, fine.data(), down.data());
      CHECK(reference::error_in_epsilons(down.data(), apply(Pi, t, fine)) < kTolerance);
    }
  });
}

TEST_CASE_TEMPLATE("head and tail are copied to the last bit", S, float, double) {
  for_all_shapes<S>(
      [](const DepthTransfer& t, const std::vector<S>& coarse, const std::vector<S>& fine) {
        std::vector<S> up(fine.size()), down(coarse.size());
        const auto same_ends = [&t](const std::vector<S>& a, const std::vector<S>& b) {
          return std::equal(a.begin(), a.begin() + t.head, b.begin()) &&
                 std::equal(a.end() - t.tail, a.end(), b.end() - t.tail);
        };
        for (const Prolongation kind : kProlongations) {
          prolong(t, kind, coarse.data(), up.data());
          CHECK(same_ends(coarse, up));
          restrict(t, kind, fine.data(), down.data());
          CHECK(same_ends(fine, down));
        }
        for (const Projection kind : kProjections) {
          project(t, kind, fine.data(), down.data());
          CHECK(same_ends(fine, down));
        }
      });
}
