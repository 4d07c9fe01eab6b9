#include "bindings.hpp"
#include "mgres/parallel.hpp"

namespace mgres::bindings {

namespace py = pybind11;

void bind_parallel(py::module_& m) {
  m.def("num_threads", &num_threads, "Return the number of threads that parallel loops use.");
  m.def("set_num_threads", &set_num_threads, py::arg("n"),
        "Use exactly n threads from now on.  ValueError unless n >= 1.");
  m.def("set_default_num_threads", &set_default_num_threads, py::arg("n"),
        "Use at most n threads, and fewer if OpenMP is told so.");
  m.def("after_fork_in_child", &after_fork_in_child,
        "Run serially from now on: OpenMP's threads do not survive a fork.");
}

}  // namespace mgres::bindings
