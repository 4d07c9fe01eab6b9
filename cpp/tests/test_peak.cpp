#include <cmath>
#include <stdexcept>

#include <doctest/doctest.h>

#include "mgres/parallel.hpp"
#include "mgres/peak.hpp"

using namespace mgres;

TEST_CASE_TEMPLATE("the rate is a positive number on any number of threads", S, float, double) {
  for (const int threads : {1, 2, 5}) {
    CAPTURE(threads);
    set_num_threads(threads);
    const double rate = multiply_add_rate<S>(0.01);
    CHECK(rate > 0);
    CHECK(std::isfinite(rate));
  }
}

TEST_CASE_TEMPLATE("durations that make no sense", S, float, double) {
  for (const double seconds : {0.0, -1.0, 1.5, double{NAN}})
    CHECK_THROWS_AS(multiply_add_rate<S>(seconds), std::invalid_argument);
}
