#include "mgres/transfer.hpp"

#include <algorithm>
#include <cstdlib>

#include "mgres/update.hpp"

namespace mgres {

namespace {

/// Copy head and tail, and call visit(stack, fine layers, coarse layers) for the stacks in between.
template <class S, class Fine, class Coarse, class Visit>
void for_stacks(const DepthTransfer& t, const S* from, Index from_size, S* to, Index to_size,
                Fine* fine, Coarse* coarse, const Visit& visit) {
  std::copy_n(from, t.head, to);
  std::copy_n(from + from_size - t.tail, t.tail, to + to_size - t.tail);
  fine += t.head;
  coarse += t.head;
  for (const StackOfLayers& stack : t.stacks) {
    visit(stack, fine, coarse);
    coarse += stack.coarse_depth * stack.layer;
    fine += t.factor * stack.coarse_depth * stack.layer;
  }
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
void for_parents(Index factor, Index coarse_depth, Prolongation kind, Index k, const Visit& visit) {
  const Index j = k / factor;
  const Index r = k % factor;
  if (kind == Prolongation::constant || r == 0 || j + 1 == coarse_depth) {
    visit(j, S(1));
    return;
  }
  const S share = static_cast<S>(r) / static_cast<S>(factor);
  visit(j, 1 - share);
  visit(j + 1, share);
}

}  // namespace

template <class S>
void prolong(const DepthTransfer& t, Prolongation kind, const S* coarse, S* out) {
  const auto visit = [&](const StackOfLayers& stack, S* fine, const S* from) {
    for (Index k = 0; k < stack.coarse_depth * t.factor; ++k) {
      bool add = false;
      for_parents<S>(t.factor, stack.coarse_depth, kind, k, [&](Index j, S weight) {
        put(stack.layer, weight, from + j * stack.layer, fine + k * stack.layer, add);
        add = true;
      });
    }
  };
  for_stacks(t, coarse, t.coarse_size(), out, t.fine_size(), out, coarse, visit);
}

template <class S>
void restrict(const DepthTransfer& t, Prolongation kind, const S* fine, S* out) {
  const auto visit = [&](const StackOfLayers& stack, const S* from, S* coarse) {
    std::fill_n(coarse, stack.coarse_depth * stack.layer, S(0));
    for (Index k = 0; k < stack.coarse_depth * t.factor; ++k)
      for_parents<S>(t.factor, stack.coarse_depth, kind, k, [&](Index j, S weight) {
        axpy(stack.layer, weight, from + k * stack.layer, coarse + j * stack.layer);
      });
  };
  for_stacks(t, fine, t.fine_size(), out, t.coarse_size(), fine, out, visit);
}

template <class S>
void project(const DepthTransfer& t, Projection kind, const S* fine, S* out) {
  const Index m = t.factor;
  const auto visit = [&](const StackOfLayers& stack, const S* from, S* coarse) {
    for (Index j = 0; j < stack.coarse_depth; ++j) {
      Index first = m * j;
      Index last = first;  // inclusive
      if (kind == Projection::mean) last = first + m - 1;
      if (kind == Projection::full_weighting) {
        first = std::max<Index>(m * j - (m - 1), 0);
        last = std::min(m * j + m - 1, m * stack.coarse_depth - 1);
      }
      const auto weight = [&](Index k) {
        return kind == Projection::full_weighting ? static_cast<S>(m - std::abs(k - m * j)) : S(1);
      };
      S total = 0;
      for (Index k = first; k <= last; ++k) total += weight(k);
      for (Index k = first; k <= last; ++k)
        put(stack.layer, weight(k) / total, from + k * stack.layer, coarse + j * stack.layer,
            k > first);
    }
  };
  for_stacks(t, fine, t.fine_size(), out, t.coarse_size(), fine, out, visit);
}

#define MGRES_INSTANTIATE(S)                                                   \
  template void prolong<S>(const DepthTransfer&, Prolongation, const S*, S*);  \
  template void restrict<S>(const DepthTransfer&, Prolongation, const S*, S*); \
  template void project<S>(const DepthTransfer&, Projection, const S*, S*);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
