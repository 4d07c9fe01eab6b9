#include <utility>
#include <vector>

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bindings.hpp"
#include "mgres/check.hpp"
#include "mgres/transfer.hpp"

namespace mgres::bindings {

namespace {

DepthTransfer make(Index head, const std::vector<std::pair<Index, Index>>& stacks, Index factor,
                   Index tail) {
  check(head >= 0, "head: expected at least 0, got ", head);
  check(factor >= 1, "factor: expected at least 1, got ", factor);
  check(tail >= 0, "tail: expected at least 0, got ", tail);
  DepthTransfer t{head, {}, factor, tail};
  for (const auto& [layer, coarse_depth] : stacks) {
    check(layer >= 0, "stacks: expected layers of at least 0 numbers, got ", layer);
    check(coarse_depth >= 1, "stacks: expected at least 1 coarse layer, got ", coarse_depth);
    t.stacks.push_back({layer, coarse_depth});
  }
  return t;
}

template <class Kind, class Apply>
void apply(Index in_size, Index out_size, const char* in_name, const py::array& in,
           const py::array& out, Kind kind, const Apply& f) {
  dispatch(in_name, in, [&](auto zero) {
    using S = decltype(zero);
    f(kind, view<const S>(in_name, in, {in_size}), view<S>("out", out, {out_size}));
  });
}

void py_prolong(const DepthTransfer& t, Prolongation kind, const py::array& coarse,
                const py::array& out) {
  apply(t.coarse_size(), t.fine_size(), "coarse", coarse, out, kind,
        [&](Prolongation k, const auto* in, auto* to) { prolong(t, k, in, to); });
}

void py_restrict(const DepthTransfer& t, Prolongation kind, const py::array& fine,
                 const py::array& out) {
  apply(t.fine_size(), t.coarse_size(), "fine", fine, out, kind,
        [&](Prolongation k, const auto* in, auto* to) { restrict(t, k, in, to); });
}

void py_project(const DepthTransfer& t, Projection kind, const py::array& fine,
                const py::array& out) {
  apply(t.fine_size(), t.coarse_size(), "fine", fine, out, kind,
        [&](Projection k, const auto* in, auto* to) { project(t, k, in, to); });
}

}  // namespace

void bind_transfer(py::module_& m) {
  py::native_enum<Prolongation>(m, "Prolongation", "enum.Enum")
      .value("constant", Prolongation::constant)
      .value("linear", Prolongation::linear)
      .finalize();
  py::native_enum<Projection>(m, "Projection", "enum.Enum")
      .value("mean", Projection::mean)
      .value("injection", Projection::injection)
      .value("full_weighting", Projection::full_weighting)
      .finalize();
  py::class_<DepthTransfer>(m, "DepthTransfer",
                            "Transfers between flat vectors [head | layers of each stack | tail] "
                            "that differ in the number of layers by a factor; a stack is given as "
                            "the numbers of a layer and of coarse layers.")
      .def(py::init(&make), py::arg("head"), py::arg("stacks"), py::arg("factor"), py::arg("tail"))
      .def_property_readonly("coarse_size", &DepthTransfer::coarse_size)
      .def_property_readonly("fine_size", &DepthTransfer::fine_size)
      .def("prolong", &py_prolong, py::arg("kind"), py::arg("coarse").noconvert(),
           py::arg("out").noconvert(), "out = P coarse.")
      .def("restrict", &py_restrict, py::arg("kind"), py::arg("fine").noconvert(),
           py::arg("out").noconvert(), "out = P^T fine.")
      .def("project", &py_project, py::arg("kind"), py::arg("fine").noconvert(),
           py::arg("out").noconvert(), "out = Pi fine.");
}

}  // namespace mgres::bindings
