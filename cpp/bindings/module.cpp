// One extension module for each instruction set level, from the same sources.
#include <Eigen/Core>

#include "bindings.hpp"

PYBIND11_MODULE(MGRES_MODULE, m) {
  using namespace mgres::bindings;
  m.doc() = "The compiled core of mgres.";
  // Eigen blocks its products by the size of the caches: with fixed sizes, the order of additions
  // is the same on every machine.
  Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 8 << 20);
  m.attr("isa") = MGRES_ISA_NAME;
  m.attr("eigen_version") = MGRES_EIGEN_VERSION;
  m.attr("compiler") = __VERSION__;
  bind_parallel(m);
  bind_peak(m);
  bind_resnet(m);
  bind_transfer(m);
  bind_update(m);
}
