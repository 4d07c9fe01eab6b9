/// One layer with a sparse matrix.  Its products take so little time that every way through memory
/// counts: each direction makes one, where the general layer makes four.
#include "mgres/sparse.hpp"

#include <algorithm>
#include <utility>

#include "../sparse/rows.hpp"
#include "mgres/ending.hpp"
#include "one_layer.hpp"

namespace mgres {

namespace {

using namespace detail;

/// Rows whose W y + b wait in the first cache for sigma.
constexpr int kStripRows = 16;

template <class S>
class Sparse final : public OneLayer<S> {
 public:
  Sparse(Activation activation, const std::shared_ptr<const Pattern>& pattern, double h)
      : OneLayer<S>(activation, make_sparse<S>(pattern), h), pattern_(pattern) {}

  Index scratch_size(Index blocks) const override {
    return std::max(OneLayer<S>::scratch_size(blocks), Arena<S>::room(kOuterBlocks * apart()));
  }

  void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S* record,
               S*) const override {
    const Ending<S> ending = make_ending(this->activation_, updates);
    for_each_group<kSparseBlocks>(
        blocks, [&](Index b, auto N) { forward_blocks<N>(p, b, x, updates, record, ending); });
  }

  void adjoint(const S* p, Index blocks, const S* x, const S* record, const S* r, S* a, S* gradient,
               S* scratch) const override {
    const Index block = this->numbers(this->width(), 1);
    for_each_group<kOuterBlocks>(blocks, [&](Index b, auto N) {
      if (this->activation_ == Activation::relu)
        weigh_blocks<N, true>(b, x, record, r, scratch, gradient);
      else
        weigh_blocks<N, false>(b, x, record, r, scratch, gradient);
      for_each_group<kSparseBlocks>(N, [&](Index n, auto M) {
        S* to = a + (b + n) * block;
        const Applied<S> factors[] = {{p, scratch + n * apart()}};
        multiply_lines<S, M>(pattern_->columns(), {nullptr, to}, factors, apart(), to);
      });
    });
  }

 private:
  template <int N>
  __attribute__((noinline)) void forward_blocks(const S* p, Index block, const S* x,
                                                Updates<S> updates, S* record,
                                                const Ending<S>& ending) const {
    constexpr int L = kLanes<S>;
    const Index width = this->width(), stride = width * L;
    const Applied<S> factors[] = {{p, x + block * stride}};
    const S* bias = this->bias(p);
    const Update<S>& only = *updates.first;
    for (Index first = 0; first < width; first += kStripRows) {
      const Index count = std::min<Index>(kStripRows, width - first);
      Pack<S> z[N][kStripRows];
      for (Index i = 0; i < count; ++i) {
        Pack<S> sum[N];
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) sum[n] = broadcast(bias[first + i]);
        add_line<S, N, 1, true>(pattern_->rows(), first + i, factors, stride, sum);
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) z[n][i] = sum[n];
      }
      for (int n = 0; n < N; ++n) {
        const Index vector = (block + n) * width + first;
        if (ending.step != nullptr)
          ending.step(this->h_, z[n], count, only.from, only.to, record, vector);
        else
          ending.updates(this->h_, z[n], count, ending.all, record, vector);
      }
    }
  }

  /// From one block of s to the next: a vector more than a block has, so that no rows of them share a
  /// place in the cache.
  Index apart() const { return this->numbers(this->width() + 1, 1); }

  /// s = h sigma'(z) r for N blocks, and the derivatives by W and b unless `gradient` is null.
  template <int N, bool relu>
  __attribute__((noinline)) void weigh_blocks(Index block, const S* x, const S* record, const S* r,
                                              S* s, S* gradient) const {
    constexpr int L = kLanes<S>;
    const Index width = this->width(), stride = width * L;
    Waiting<S> weights(gradient), bias(gradient != nullptr ? this->bias(gradient) : nullptr);
    for (Index first = 0; first < width; first += kStripRows) {
      const Index end = std::min(first + kStripRows, width);
      for (int n = 0; n < N; ++n)
        for (Index i = first; i < end; ++i) {
          const Index vector = (block + n) * width + i;
          store(s + n * apart() + i * L,
                times_slope<S, relu>(this->h_, record, vector, load(r + vector * L)));
        }
      if (gradient == nullptr) continue;
      for (Index i = first; i < end; ++i) {
        Pack<S> si[N];
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) si[n] = load(s + n * apart() + i * L);
        Pack<S> sum = si[0];
#pragma GCC unroll 8
        for (int n = 1; n < N; ++n) sum += si[n];
        bias.add(sum);
        outer_line<S, N>(pattern_->rows(), i, si, x + block * stride, stride, weights);
      }
    }
    weights.flush();
    bias.flush();
  }

  std::shared_ptr<const Pattern> pattern_;
};

}  // namespace

template <class S>
BlockPtr<S> make_sparse_layer(Activation activation, std::shared_ptr<const Pattern> pattern,
                              double h) {
  return std::make_unique<Sparse<S>>(activation, std::move(pattern), h);
}

template BlockPtr<float> make_sparse_layer<float>(Activation, std::shared_ptr<const Pattern>,
                                                  double);
template BlockPtr<double> make_sparse_layer<double>(Activation, std::shared_ptr<const Pattern>,
                                                    double);

}  // namespace mgres
