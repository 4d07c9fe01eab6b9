/// Smaller images from larger ones, and more channels from few; see network_spec.hpp.
#include <algorithm>

#include "mgres/linear_map.hpp"
#include "mgres/simd.hpp"

namespace mgres {

namespace {

template <class S>
class Resample final : public LinearMap<S> {
 public:
  Resample(const StateShape& in, const StateShape& out, Sampling sampling)
      : LinearMap<S>(in.size(), out.size(), 0, out.channels),
        in_(in),
        out_(out),
        rows_(ceil_div(in.rows, out.rows)),
        columns_(ceil_div(in.columns, out.columns)),
        window_rows_(sampling == Sampling::mean ? rows_ : 1),
        window_columns_(sampling == Sampling::mean ? columns_ : 1),
        share_(S(1) / static_cast<S>(window_rows_ * window_columns_)) {}

  double cost() const override { return static_cast<double>(in_.size()); }
  Index scratch_size(Index) const override { return out_.channels * kLanes<S>; }

  void apply(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
             S*) const override {
    constexpr Index L = kLanes<S>;
    begin(blocks, out_, start, out);
    for (const Applied<S>& given : {first, second}) {
      if (given.weights == nullptr) continue;
      for_each_window(blocks, [&](Index from, Index to) {
        Pack<S> sum{};
        for (Index i = 0; i < window_rows_; ++i)
          for (Index j = 0; j < window_columns_; ++j)
            sum += load(given.x + (from + i * in_.columns + j) * L);
        store(out + to * L, load(out + to * L) + sum * broadcast(share_));
      });
    }
  }

  void apply_transposed(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
                        S*) const override {
    constexpr Index L = kLanes<S>;
    begin(blocks, in_, start, out);
    for (const Applied<S>& given : {first, second}) {
      if (given.weights == nullptr) continue;
      for_each_window(blocks, [&](Index from, Index to) {
        const Pack<S> part = load(given.x + to * L) * broadcast(share_);
        for (Index i = 0; i < window_rows_; ++i)
          for (Index j = 0; j < window_columns_; ++j) {
            S* pixel = out + (from + i * in_.columns + j) * L;
            store(pixel, load(pixel) + part);
          }
      });
    }
  }

  void add_outer(Index, const S*, const S*, S*, S*) const override {}

  void add_sums(Index blocks, const S* s, S* bias, S* scratch, S factor) const override {
    add_channel_sums(out_.channels, out_.pixels(), blocks, s, bias, scratch, factor);
  }

 private:
  /// Call f(number of the first pixel of a window, number of the pixel that it becomes).
  template <class F>
  void for_each_window(Index blocks, const F& f) const {
    for (Index b = 0; b < blocks; ++b)
      for (Index c = 0; c < std::min(in_.channels, out_.channels); ++c)
        for (Index i = 0; i < out_.rows; ++i)
          for (Index j = 0; j < out_.columns; ++j)
            f(((b * in_.channels + c) * in_.rows + i * rows_) * in_.columns + j * columns_,
              ((b * out_.channels + c) * out_.rows + i) * out_.columns + j);
  }

  static void begin(Index blocks, const StateShape& shape, Start<S> start, S* out) {
    constexpr Index L = kLanes<S>;
    const Index size = blocks * shape.size() * L;
    if (start.from == nullptr)
      std::fill_n(out, size, S(0));
    else if (start.from != out)
      std::copy_n(start.from, size, out);
    if (start.bias == nullptr) return;
    for (Index f = 0; f < blocks * shape.size(); ++f) {
      const S bias = start.bias[f / shape.pixels() % shape.channels];
      store(out + f * L, load(out + f * L) + broadcast(bias));
    }
  }

  StateShape in_, out_;
  Index rows_, columns_, window_rows_, window_columns_;
  S share_;
};

}  // namespace

template <class S>
MapPtr<S> make_resample(const StateShape& in, const StateShape& out, Sampling sampling) {
  return std::make_unique<Resample<S>>(in, out, sampling);
}

template MapPtr<float> make_resample<float>(const StateShape&, const StateShape&, Sampling);
template MapPtr<double> make_resample<double>(const StateShape&, const StateShape&, Sampling);

}  // namespace mgres
