#include "mgres/transfer.hpp"

#include <algorithm>
#include <cstdlib>

#include "mgres/update.hpp"

namespace mgres {

namespace {

/// Copy head and tail; the layers in between are the caller's.
template <class S>
void copy_ends(const DepthTransfer& t, const S* from, Index from_size, S* to, Index to_size) {
  std::copy_n(from, t.head, to);
  std::copy_n(from + from_size - t.tail, t.tail, to + to_size - t.tail);
}

/// y = alpha x, or y += alpha x.
template <class S>
void put(Index n, S alpha, const S* x, S* y, bool add) {
  if (add)
    axpy(n, alpha, x, y);
  else
    std::transform(x, x + n, y, [alpha](S value) { return alpha * value; });
}

/// Call visit(coarse layer, weight) for the one or two coarse layers that make fine layer k.
template <class S, class Visit>
void for_parents(const DepthTransfer& t, Prolongation kind, Index k, const Visit& visit) {
  const Index j = k / t.factor;
  const Index r = k % t.factor;
  if (kind == Prolongation::constant || r == 0 || j + 1 == t.coarse_depth) {
    visit(j, S(1));
    return;
  }
  const S share = static_cast<S>(r) / static_cast<S>(t.factor);
  visit(j, 1 - share);
  visit(j + 1, share);
}

}  // namespace

template <class S>
void prolong(const DepthTransfer& t, Prolongation kind, const S* coarse, S* out) {
  copy_ends(t, coarse, t.coarse_size(), out, t.fine_size());
  for (Index k = 0; k < t.coarse_depth * t.factor; ++k) {
    bool add = false;
    for_parents<S>(t, kind, k, [&](Index j, S weight) {
      put(t.layer, weight, coarse + t.head + j * t.layer, out + t.head + k * t.layer, add);
      add = true;
    });
  }
}

template <class S>
void restrict(const DepthTransfer& t, Prolongation kind, const S* fine, S* out) {
  copy_ends(t, fine, t.fine_size(), out, t.coarse_size());
  std::fill_n(out + t.head, t.coarse_depth * t.layer, S(0));
  for (Index k = 0; k < t.coarse_depth * t.factor; ++k)
    for_parents<S>(t, kind, k, [&](Index j, S weight) {
      axpy(t.layer, weight, fine + t.head + k * t.layer, out + t.head + j * t.layer);
    });
}

template <class S>
void project(const DepthTransfer& t, Projection kind, const S* fine, S* out) {
  copy_ends(t, fine, t.fine_size(), out, t.coarse_size());
  const Index m = t.factor;
  for (Index j = 0; j < t.coarse_depth; ++j) {
    Index first = m * j;
    Index last = first;  // inclusive
    if (kind == Projection::mean) last = first + m - 1;
    if (kind == Projection::full_weighting) {
      first = std::max<Index>(m * j - (m - 1), 0);
      last = std::min(m * j + m - 1, m * t.coarse_depth - 1);
    }
    const auto weight = [&](Index k) {
      return kind == Projection::full_weighting ? static_cast<S>(m - std::abs(k - m * j)) : S(1);
    };
    S total = 0;
    for (Index k = first; k <= last; ++k) total += weight(k);
    S* target = out + t.head + j * t.layer;
    for (Index k = first; k <= last; ++k)
      put(t.layer, weight(k) / total, fine + t.head + k * t.layer, target, k > first);
  }
}

#define MGRES_INSTANTIATE(S)                                                   \
  template void prolong<S>(const DepthTransfer&, Prolongation, const S*, S*);  \
  template void restrict<S>(const DepthTransfer&, Prolongation, const S*, S*); \
  template void project<S>(const DepthTransfer&, Projection, const S*, S*);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
