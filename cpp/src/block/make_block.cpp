/// From the description of a block to the block.
#include <utility>

#include "mgres/check.hpp"
#include "pieces.hpp"

namespace mgres {

template <class S>
BlockPtr<S> make_block(const BlockSpec& spec, Index width, double h) {
  check(!is_partitioned(spec.kind), "block: Hamiltonian blocks step by halves; see integrator.hpp");
  const Index v = units(spec, width);
  BlockPtr<S> block;
  switch (spec.kind) {
    case BlockKind::two_layer:
      block = make_two_layer<S>(spec.activation, make_map<S>(spec, spec.hidden, v),
                                make_map<S>(spec, v, spec.hidden), h);
      break;
    case BlockKind::gradient:
      block = make_two_layer<S>(spec.activation, make_map<S>(spec, spec.hidden, v), nullptr,
                                spec.sign * h);
      break;
    case BlockKind::antisymmetric:
      block =
          make_mapped(Map::antisymmetric, spec.damping, make_dense<S>(spec.activation, width, h));
      break;
    default:
      if (spec.sparsity.any())
        block = make_sparse_layer<S>(spec.activation, spec.sparsity.of(width), h);
      else if (spec.filters.any())
        block = make_one_layer<S>(spec.activation, make_map<S>(spec, v, v), h);
      else
        block = make_dense<S>(spec.activation, width, h);
  }
  if (spec.norm != Norm::none) block = make_normed(spec.norm, v, width / v, std::move(block));
  if (spec.paced) block = make_paced(std::move(block));
  return block;
}

template <class S>
BlockPtr<S> make_transposed(const BlockSpec& spec, Index width, double h) {
  return make_mapped(Map::transposed, 0, make_dense<S>(spec.activation, width, h));
}

#define MGRES_INSTANTIATE(S)                                           \
  template BlockPtr<S> make_block<S>(const BlockSpec&, Index, double); \
  template BlockPtr<S> make_transposed<S>(const BlockSpec&, Index, double);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
