/// From the description of a map to the map.
#include <utility>

#include "mgres/linear_map.hpp"

namespace mgres {

template <class S>
MapPtr<S> make_map(const BlockSpec& block, Index outputs, Index inputs) {
  if (block.filters.any()) return make_convolution<S>(block.filters.shape(outputs, inputs));
  if (block.sparsity.any()) return make_sparse<S>(block.sparsity.of(inputs));
  return make_matrix<S>(outputs, inputs);
}

template <class S>
MapPtr<S> make_map(const MapSpec& spec) {
  const StateShape &in = spec.in, &out = spec.out;
  switch (spec.kind) {
    case MapKind::resample:
      return make_resample<S>(in, out, Sampling::mean);
    case MapKind::pooled:
      return make_chain(make_resample<S>(in, {in.channels}, Sampling::mean),
                        make_matrix<S>(out.size(), in.channels));
    case MapKind::convolution: {
      const StateShape all{out.channels, in.rows, in.columns};
      MapPtr<S> map =
          make_convolution<S>({in.channels, out.channels, in.rows, in.columns, spec.kernel_rows,
                               spec.kernel_columns, 1, spec.periodic});
      if (all.size() == out.size()) return map;
      return make_chain(std::move(map), make_resample<S>(all, out, Sampling::first));
    }
    default:
      return make_matrix<S>(out.size(), in.size());
  }
}

template MapPtr<float> make_map<float>(const BlockSpec&, Index, Index);
template MapPtr<double> make_map<double>(const BlockSpec&, Index, Index);
template MapPtr<float> make_map<float>(const MapSpec&);
template MapPtr<double> make_map<double>(const MapSpec&);

}  // namespace mgres
