/// One function for each concept that the module offers.
#pragma once

#include <pybind11/pybind11.h>

namespace mgres::bindings {

void bind_block(pybind11::module_& m);
void bind_parallel(pybind11::module_& m);
void bind_peak(pybind11::module_& m);
void bind_resnet(pybind11::module_& m);
void bind_transfer(pybind11::module_& m);
void bind_update(pybind11::module_& m);

}  // namespace mgres::bindings
