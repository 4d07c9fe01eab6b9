#include "mgres/junction.hpp"

namespace mgres {

template <class S>
void Junction<S>::forward(const S* p, Index blocks, const S* y, S* z, S* scratch) const {
  const S* bias = has_bias() ? p + map_->weights() : nullptr;
  map_->apply(blocks, {bias, nullptr}, with(p, y), {}, z, scratch);
}

template <class S>
void Junction<S>::adjoint(const S* p, Index blocks, const S* y, const S* g, S* a, S* gradient,
                          S* scratch) const {
  if (a != nullptr) map_->apply_transposed(blocks, {}, with(p, g), {}, a, scratch);
  if (gradient == nullptr) return;
  if (has_weights()) map_->add_outer(blocks, g, y, gradient, scratch);
  if (has_bias()) map_->add_sums(blocks, g, gradient + map_->weights(), scratch);
}

template <class S>
void Junction<S>::tangent(Dual<const S> p, Index blocks, Dual<const S> y, S* z_dot,
                          S* scratch) const {
  const bool varies = has_weights() && p.dot != nullptr;
  const S* bias = varies && has_bias() ? p.dot + map_->weights() : nullptr;
  map_->apply(blocks, {bias, nullptr}, with(p.value, y.dot),
              varies ? Applied<S>{p.dot, y.value} : Applied<S>{}, z_dot, scratch);
}

template <class S>
void Junction<S>::adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> y, Dual<const S> g,
                                  S* a_dot, S* gradient_dot, S* scratch) const {
  const bool varies = has_weights() && p.dot != nullptr && g.value != nullptr;
  if (a_dot != nullptr)
    map_->apply_transposed(blocks, {}, with(p.value, g.dot),
                           varies ? Applied<S>{p.dot, g.value} : Applied<S>{}, a_dot, scratch);
  if (gradient_dot == nullptr) return;
  if (has_weights()) {
    map_->add_outer(blocks, g.dot, y.value, gradient_dot, scratch);
    if (g.value != nullptr) map_->add_outer(blocks, g.value, y.dot, gradient_dot, scratch);
  }
  if (has_bias()) map_->add_sums(blocks, g.dot, gradient_dot + map_->weights(), scratch);
}

template class Junction<float>;
template class Junction<double>;

}  // namespace mgres
