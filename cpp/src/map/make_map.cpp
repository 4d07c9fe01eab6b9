#include "mgres/linear_map.hpp"

namespace mgres {

template <class S>
MapPtr<S> make_map(const BlockSpec& block, Index outputs, Index inputs) {
  if (block.filters.any()) return make_convolution<S>(block.filters.shape(outputs, inputs));
  if (block.sparsity.any()) return make_sparse<S>(block.sparsity.of(inputs));
  return make_matrix<S>(outputs, inputs);
}

template MapPtr<float> make_map<float>(const BlockSpec&, Index, Index);
template MapPtr<double> make_map<double>(const BlockSpec&, Index, Index);

}  // namespace mgres
