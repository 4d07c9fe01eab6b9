// One extension module for each instruction set level, from the same sources.
#include "bindings.hpp"

PYBIND11_MODULE(MGRES_MODULE, m) {
  using namespace mgres::bindings;
  m.doc() = "The compiled core of mgres.";
  m.attr("isa") = MGRES_ISA_NAME;
  m.attr("eigen_version") = MGRES_EIGEN_VERSION;
  m.attr("compiler") = __VERSION__;
  bind_block(m);
  bind_parallel(m);
  bind_peak(m);
  bind_resnet(m);
  bind_transfer(m);
  bind_update(m);
}
