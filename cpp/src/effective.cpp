#include "mgres/effective.hpp"

#include <algorithm>

namespace mgres {

namespace {

/// out = (A - A^T) / 2 for a matrix (n, n); out may be A.
template <class S>
void antisymmetric_part(const S* A, Index n, S* out) {
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < i; ++j) {
      const S half = (A[i * n + j] - A[j * n + i]) / 2;
      out[i * n + j] = half;
      out[j * n + i] = -half;
    }
    out[i * n + i] = (A[i * n + i] - A[i * n + i]) / 2;  // a NaN stays
  }
}

template <class S>
void transpose(const S* A, Index n, S* out) {
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) out[j * n + i] = A[i * n + j];
}

}  // namespace

template <class S>
const S* effective_layers(const ResNet& net, const S* theta, S* memory) {
  const Layout at(net);
  const S* from = theta + at.layers;
  if (effective_size(net) == 0) return from;
  const Index n = net.layer_width();
  const Index weights = n * n;
  S* to = memory;
  for (Index k = 0; k < net.depth; ++k, from += at.layer) {
    std::copy_n(from, at.layer, to);
    if (net.antisymmetric) {
      antisymmetric_part(from, n, to);
      for (Index i = 0; i < n; ++i) to[i * (n + 1)] -= static_cast<S>(net.damping);
    }
    to += at.layer;
    if (net.scheme != Scheme::verlet) continue;
    transpose(from, n, to);
    std::copy_n(from + weights, n, to + weights);
    to += at.layer;
  }
  return memory;
}

template <class S>
void pull_back(const ResNet& net, S* gradient) {
  if (!net.antisymmetric) return;
  const Layout at(net);
  for (Index k = 0; k < net.depth; ++k) {
    S* dW = gradient + at.layers + k * at.layer;
    antisymmetric_part(dW, net.width, dW);
  }
}

#define MGRES_INSTANTIATE(S)                                          \
  template const S* effective_layers<S>(const ResNet&, const S*, S*); \
  template void pull_back<S>(const ResNet&, S*);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
