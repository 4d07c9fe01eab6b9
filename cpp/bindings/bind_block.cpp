#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "mgres/block_spec.hpp"

namespace mgres::bindings {

namespace py = pybind11;

/// The description of a block; it answers for what a layer has and may do.
void bind_block(py::module_& m) {
  py::native_enum<Activation>(m, "Activation", "enum.Enum")
      .value("relu", Activation::relu)
      .value("tanh", Activation::tanh)
      .value("logistic", Activation::logistic)
      .value("identity", Activation::identity)
      .value("smooth_relu", Activation::smooth_relu)
      .value("silu", Activation::silu)
      .value("gelu", Activation::gelu)
      .value("softplus", Activation::softplus)
      .value("elu", Activation::elu)
      .value("leaky_relu", Activation::leaky_relu)
      .finalize();
  py::native_enum<BlockKind>(m, "BlockKind", "enum.Enum")
      .value("dense", BlockKind::dense)
      .value("antisymmetric", BlockKind::antisymmetric)
      .value("two_layer", BlockKind::two_layer)
      .value("gradient", BlockKind::gradient)
      .value("hamiltonian", BlockKind::hamiltonian)
      .value("potential", BlockKind::potential)
      .finalize();
  py::native_enum<Norm>(m, "Norm", "enum.Enum")
      .value("none", Norm::none)
      .value("layer", Norm::layer)
      .value("rms", Norm::rms)
      .finalize();
  py::native_enum<Scheme>(m, "Scheme", "enum.Enum")
      .value("euler", Scheme::euler)
      .value("matched", Scheme::matched)
      .value("rk4", Scheme::rk4)
      .value("verlet", Scheme::verlet)
      .finalize();
  py::class_<BlockSpec>(m, "Block", "Which block a layer is.")
      .def(py::init([](BlockKind kind, Activation activation, Index hidden, Norm norm, bool paced,
                       double damping, double sign) {
             return BlockSpec{kind, activation, hidden, norm, paced, damping, sign};
           }),
           py::arg("kind"), py::arg("activation"), py::kw_only(), py::arg("hidden") = 0,
           py::arg("norm") = Norm::none, py::arg("paced") = false, py::arg("damping") = 0.0,
           py::arg("sign") = -1.0)
      .def("check", &check_block, py::arg("width"),
           "Raise ValueError that names the argument that does not fit states of `width` features.")
      .def("check_scheme", &check_scheme, py::arg("scheme"),
           "Raise ValueError unless layers of this block can step by `scheme`.")
      .def(
          "parameters",
          [](const BlockSpec& block, Index width) {
            py::list found;
            for (const Field& f : fields(block, width)) {
              py::tuple shape = py::make_tuple(f.rows);
              if (f.columns > 0) shape = py::make_tuple(f.rows, f.columns);
              found.append(py::make_tuple(f.name, shape));
            }
            return found;
          },
          py::arg("width"), "Names and shapes of the arrays of a layer, in their order.")
      .def(
          "size", [](const BlockSpec& block, Index width) { return fields(block, width).size(); },
          py::arg("width"), "Number of parameters of a layer.");
}

}  // namespace mgres::bindings
