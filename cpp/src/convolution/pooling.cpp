#include "mgres/pooling.hpp"

#include <algorithm>

#include "mgres/check.hpp"
#include "mgres/simd.hpp"

namespace mgres {

namespace {

/// Call f(number of a pixel of the small images, number of the upper left pixel of its square).
template <class F>
void for_each_square(const PoolingShape& shape, Index blocks, Index height, Index width,
                     const F& f) {
  Index small = 0;
  for (Index image = 0; image < blocks * shape.channels; ++image)
    for (Index i = 0; i < height; ++i)
      for (Index j = 0; j < width; ++j, ++small)
        f(small, (image * shape.height + i * shape.size) * shape.width + j * shape.size);
}

template <class S>
S share(const PoolingShape& shape) {
  return S(1) / static_cast<S>(shape.size * shape.size);
}

}  // namespace

void check_pooling(const PoolingShape& shape) {
  check(shape.channels >= 1, "channels: expected at least 1, got ", shape.channels);
  check(shape.size >= 1, "size: expected at least 1, got ", shape.size);
  check(shape.height >= shape.size && shape.width >= shape.size, "size: expected at most ",
        std::min(shape.height, shape.width), " for images of ", shape.height, "x", shape.width,
        ", got ", shape.size);
}

template <class S>
void subsample(const PoolingShape& shape, Index blocks, const S* x, S* out) {
  constexpr int L = kLanes<S>;
  for_each_square(shape, blocks, shape.sampled_height(), shape.sampled_width(),
                  [&](Index small, Index first) { store(out + small * L, load(x + first * L)); });
}

template <class S>
void subsample_transposed(const PoolingShape& shape, Index blocks, const S* s, S* out) {
  constexpr int L = kLanes<S>;
  std::fill_n(out, shape.inputs() * blocks * L, S(0));
  for_each_square(shape, blocks, shape.sampled_height(), shape.sampled_width(),
                  [&](Index small, Index first) { store(out + first * L, load(s + small * L)); });
}

template <class S>
void average_pool(const PoolingShape& shape, Index blocks, const S* x, S* out) {
  constexpr int L = kLanes<S>;
  for_each_square(shape, blocks, shape.averaged_height(), shape.averaged_width(),
                  [&](Index small, Index first) {
                    Pack<S> sum{};
                    for (Index i = 0; i < shape.size; ++i)
                      for (Index j = 0; j < shape.size; ++j)
                        sum += load(x + (first + i * shape.width + j) * L);
                    store(out + small * L, share<S>(shape) * sum);
                  });
}

template <class S>
void average_pool_transposed(const PoolingShape& shape, Index blocks, const S* s, S* out) {
  constexpr int L = kLanes<S>;
  std::fill_n(out, shape.inputs() * blocks * L, S(0));
  for_each_square(shape, blocks, shape.averaged_height(), shape.averaged_width(),
                  [&](Index small, Index first) {
                    const Pack<S> part = share<S>(shape) * load(s + small * L);
                    for (Index i = 0; i < shape.size; ++i)
                      for (Index j = 0; j < shape.size; ++j)
                        store(out + (first + i * shape.width + j) * L, part);
                  });
}

#define MGRES_INSTANTIATE(S)                                                       \
  template void subsample<S>(const PoolingShape&, Index, const S*, S*);            \
  template void subsample_transposed<S>(const PoolingShape&, Index, const S*, S*); \
  template void average_pool<S>(const PoolingShape&, Index, const S*, S*);         \
  template void average_pool_transposed<S>(const PoolingShape&, Index, const S*, S*);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
