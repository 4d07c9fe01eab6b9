#include "pieces.hpp"

namespace mgres {

template <class S>
void activate_all(Activation activation, S h, Index vectors, S* z, S* slopes) {
  constexpr int L = kLanes<S>;
  with_activation(activation, [&](auto a) {
    for (Index i = 0; i < vectors; ++i)
      store(z + i * L, h * activate_and_keep<S, a>(h, load(z + i * L), slopes, i));
  });
}

template <class S>
void activate_all(Activation activation, S h, Index vectors, Dual<S> z, S* slopes, S* bend) {
  constexpr int L = kLanes<S>;
  with_activation(activation, [&](auto a) {
    for (Index i = 0; i < vectors; ++i) {
      const Index at = i * L;
      const Pack<S> before = load(z.value + at), dot = load(z.dot + at);
      Pack<S> value = before, slope{}, second{};
      activate<a, S, true>(value, slope, &second);
      if constexpr (a == Activation::relu)
        store_mask(slopes, i, above_zero<S>(before));
      else
        store(slopes + at, h * slope);
      if (bend != nullptr) store(bend + at, h * second * dot);
      store(z.value + at, h * value);
      store(z.dot + at, h * slope * dot);
    }
  });
}

template <class S>
void weigh(Activation activation, S h, Index vectors, const S* slopes, const S* t, S* s) {
  constexpr int L = kLanes<S>;
  if (activation == Activation::relu)
    for (Index i = 0; i < vectors; ++i)
      store(s + i * L, times_slope<S, true>(h, slopes, i, load(t + i * L)));
  else
    for (Index i = 0; i < vectors; ++i)
      store(s + i * L, times_slope<S, false>(h, slopes, i, load(t + i * L)));
}

template <class S>
void weigh(Activation activation, S h, Index vectors, const S* slopes, const S* bend,
           Dual<const S> t, Dual<S> s) {
  constexpr int L = kLanes<S>;
  const bool bits = activation == Activation::relu;
  const auto slope_of = [&](Index i, const Pack<S>& a) {
    return bits ? times_slope<S, true>(h, slopes, i, a) : times_slope<S, false>(h, slopes, i, a);
  };
  for (Index i = 0; i < vectors; ++i) {
    const Pack<S> value = load(t.value + i * L);
    store(s.dot + i * L, slope_of(i, load(t.dot + i * L)) + load(bend + i * L) * value);
    store(s.value + i * L, slope_of(i, value));
  }
}

template <class S>
void apply(Updates<S> updates, Index size, Dual<const S> G) {
  const auto add = [&](const S* from, S weight, const S* g, S* to) {
    if (from != nullptr)
      for (Index i = 0; i < size; i += kLanes<S>)
        store(to + i, load(from + i) + weight * load(g + i));
    else
      for (Index i = 0; i < size; i += kLanes<S>) store(to + i, weight * load(g + i));
  };
  for (const Update<S>& u : updates) {
    add(u.from, u.weight, G.value, u.to);
    if (G.dot != nullptr) add(u.from_dot, u.weight, G.dot, u.to_dot);
  }
}

#define MGRES_INSTANTIATE(S)                                                                \
  template void activate_all<S>(Activation, S, Index, S*, S*);                              \
  template void activate_all<S>(Activation, S, Index, Dual<S>, S*, S*);                     \
  template void weigh<S>(Activation, S, Index, const S*, const S*, S*);                     \
  template void weigh<S>(Activation, S, Index, const S*, const S*, Dual<const S>, Dual<S>); \
  template void apply<S>(Updates<S>, Index, Dual<const S>);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
