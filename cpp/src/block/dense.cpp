/// One layer with a matrix, where values and gradients are fused; and with any other map.
#include <algorithm>

#include "mgres/kernel.hpp"
#include "one_layer.hpp"

namespace mgres {

namespace {

template <class S>
class Dense final : public OneLayer<S> {
 public:
  Dense(Activation activation, Index width, double h)
      : OneLayer<S>(activation, make_matrix<S>(width, width), h), kernel_(layer_kernel<S>(width)) {}

  Index scratch_size(Index blocks) const override {
    return std::max(OneLayer<S>::scratch_size(blocks),
                    Arena<S>::room(kernel_.scratch_size(this->width(), blocks)));
  }

  void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S* record,
               S*) const override {
    kernel_.forward(layer(p, blocks), x, updates, record);
  }

  void adjoint(const S* p, Index blocks, const S* x, const S* record, const S* r, S* a, S* gradient,
               S* scratch) const override {
    kernel_.backward(layer(p, blocks), x, record, r, a, gradient, scratch);
  }

 private:
  Layer<S> layer(const S* p, Index blocks) const {
    return {p, this->width(), blocks, this->h_, this->activation_};
  }

  const LayerKernel<S>& kernel_;
};

}  // namespace

template <class S>
BlockPtr<S> make_dense(Activation activation, Index width, double h) {
  return std::make_unique<Dense<S>>(activation, width, h);
}

template <class S>
BlockPtr<S> make_one_layer(Activation activation, MapPtr<S> map, double h) {
  return std::make_unique<OneLayer<S>>(activation, std::move(map), h);
}

#define MGRES_INSTANTIATE(S)                                     \
  template BlockPtr<S> make_dense<S>(Activation, Index, double); \
  template BlockPtr<S> make_one_layer<S>(Activation, MapPtr<S>, double);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
