/// From a stack's scheme and block to the integrator.
#include <utility>

#include "integrators.hpp"

namespace mgres {

template <class S>
IntegratorPtr<S> make_integrator(const StackSpec& stack) {
  const double h = stack.step();
  const BlockSpec& spec = stack.block;
  if (!is_partitioned(spec.kind)) {
    BlockPtr<S> block = make_block<S>(spec, stack.width, h);
    if (stack.scheme == Scheme::euler) return make_euler(std::move(block));
    return make_runge_kutta(tableau(stack.scheme, stack.substeps), std::move(block));
  }
  BlockSpec half = spec;
  if (spec.kind == BlockKind::hamiltonian) {
    half.kind = BlockKind::dense;
    return make_verlet(make_transposed<S>(half, stack.width / 2, -h),
                       make_block<S>(half, stack.width / 2, h), true);
  }
  half.kind = BlockKind::gradient;
  half.sign = 1;
  return make_verlet(make_block<S>(half, stack.width / 2, -h),
                     make_block<S>(half, stack.width / 2, h), false);
}

template IntegratorPtr<float> make_integrator<float>(const StackSpec&);
template IntegratorPtr<double> make_integrator<double>(const StackSpec&);

}  // namespace mgres
