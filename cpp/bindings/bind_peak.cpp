#include <pybind11/numpy.h>

#include "bindings.hpp"
#include "mgres/peak.hpp"

namespace mgres::bindings {

namespace py = pybind11;

namespace {

double py_multiply_add_rate(const py::dtype& dtype, double seconds) {
  const bool single = dtype.equal(py::dtype::of<float>());
  if (!single && !dtype.equal(py::dtype::of<double>()))
    throw py::type_error("dtype: expected float32 or float64, got " +
                         py::str(dtype).cast<std::string>());
  const py::gil_scoped_release release;
  return single ? multiply_add_rate<float>(seconds) : multiply_add_rate<double>(seconds);
}

}  // namespace

void bind_peak(py::module_& m) {
  m.def("multiply_add_rate", &py_multiply_add_rate, py::arg("dtype"), py::arg("seconds"),
        "Return how many operations per second all threads together do when they multiply and add "
        "and nothing else, for `seconds`, at most 1.");
}

}  // namespace mgres::bindings
