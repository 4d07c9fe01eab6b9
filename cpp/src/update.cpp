#include "mgres/update.hpp"

#include <array>
#include <cmath>

#include "mgres/vector.hpp"

namespace mgres {

namespace {

constexpr Index kSums = 16;  // independent sums hide the latency of an addition

/// sum term(i) for i in [0, n), always in the same order.
template <class Term>
double ordered_sum(Index n, const Term& term) {
  std::array<double, kSums> sums{};
  Index i = 0;
  for (; i + kSums <= n; i += kSums)
    for (Index l = 0; l < kSums; ++l) sums[static_cast<std::size_t>(l)] += term(i + l);
  for (; i < n; ++i) sums[static_cast<std::size_t>(i % kSums)] += term(i);
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace

template <class S>
double dot(Index n, const S* x, const S* y) {
  return ordered_sum(
      n, [=](Index i) { return static_cast<double>(x[i]) * static_cast<double>(y[i]); });
}

template <class S>
void axpy(Index n, S alpha, const S* x, S* y) {
  as_array(y, n) += alpha * as_array(x, n);
}

template <class S>
double add_square(Index n, double weight, const S* x, S* gradient) {
  if (gradient != nullptr) axpy(n, static_cast<S>(2 * weight), x, gradient);
  return weight * dot(n, x, x);
}

template <class S>
void adam(Index n, S* x, const S* gradient, S* first_moment, S* second_moment, double learning_rate,
          double beta1, double beta2, double epsilon, long long steps) {
  const auto t = static_cast<double>(steps);
  const S step = static_cast<S>(learning_rate / (1 - std::pow(beta1, t)));
  const S correction = static_cast<S>(1 / (1 - std::pow(beta2, t)));
  const S b1 = static_cast<S>(beta1), c1 = static_cast<S>(1 - beta1);
  const S b2 = static_cast<S>(beta2), c2 = static_cast<S>(1 - beta2);
  const S e = static_cast<S>(epsilon);
  for (Index i = 0; i < n; ++i) {
    const S g = gradient[i];
    first_moment[i] = b1 * first_moment[i] + c1 * g;
    second_moment[i] = b2 * second_moment[i] + c2 * g * g;
    x[i] -= step * first_moment[i] / (std::sqrt(second_moment[i] * correction) + e);
  }
}

#define MGRES_INSTANTIATE(S)                                  \
  template double dot<S>(Index, const S*, const S*);          \
  template void axpy<S>(Index, S, const S*, S*);              \
  template double add_square<S>(Index, double, const S*, S*); \
  template void adam<S>(Index, S*, const S*, S*, S*, double, double, double, double, long long);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
