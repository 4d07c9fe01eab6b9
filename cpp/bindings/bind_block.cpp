#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "mgres/block_spec.hpp"
#include "mgres/check.hpp"

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
  py::class_<Filters>(m, "Filters", "Images as states, and the convolutions between them.")
      .def(py::init([](Index channels, Index height, Index width, Index kernel_rows,
                       Index kernel_columns, Index groups, bool periodic) {
             const Filters filters{channels,       height, width,   kernel_rows,
                                   kernel_columns, groups, periodic};
             check_convolution(filters.shape(channels, channels));
             return filters;
           }),
           py::arg("channels"), py::arg("height"), py::arg("width"), py::arg("kernel_rows"),
           py::arg("kernel_columns"), py::arg("groups") = 1, py::arg("periodic") = false);
  py::class_<Sparsity>(m, "Sparsity",
                       "Which entries matrices have: those of a pattern or of a band.")
      .def(py::init([](Index width, std::vector<Index> starts, const std::vector<Index>& columns) {
             return Sparsity{std::make_shared<const Pattern>(width, std::move(starts), columns)};
           }),
           py::arg("width"), py::arg("starts"), py::arg("columns"))
      .def(py::init([](Index lower, Index upper) {
             check(lower >= 0, "lower: expected at least 0, got ", lower);
             check(upper >= 0, "upper: expected at least 0, got ", upper);
             return Sparsity{nullptr, lower, upper};
           }),
           py::arg("lower"), py::arg("upper"))
      .def("entries", &Sparsity::entries, py::arg("width"), "How many there are.");
  py::class_<BlockSpec>(m, "Block", "Which block a layer is.")
      .def(py::init([](BlockKind kind, Activation activation, Index hidden, Norm norm, bool paced,
                       double damping, double sign, const std::optional<Filters>& filters,
                       const std::optional<Sparsity>& sparsity) {
             return BlockSpec{kind,
                              activation,
                              hidden,
                              norm,
                              paced,
                              damping,
                              sign,
                              filters.value_or(Filters{}),
                              sparsity.value_or(Sparsity{})};
           }),
           py::arg("kind"), py::arg("activation"), py::kw_only(), py::arg("hidden") = 0,
           py::arg("norm") = Norm::none, py::arg("paced") = false, py::arg("damping") = 0.0,
           py::arg("sign") = -1.0, py::arg("filters") = py::none(),
           py::arg("sparsity") = py::none())
      .def("check", &check_block, py::arg("width"),
           "Raise ValueError that names the argument that does not fit states of `width` features.")
      .def("check_scheme", &check_scheme, py::arg("scheme"),
           "Raise ValueError unless layers of this block can step by `scheme`.")
      .def(
          "parameters",
          [](const BlockSpec& block, Index width) {
            py::list found;
            for (const Field& f : fields(block, width)) {
              py::list shape;
              for (const Index n : f.shape)
                if (n > 0) shape.append(n);
              found.append(py::make_tuple(f.name, py::tuple(shape)));
            }
            return found;
          },
          py::arg("width"), "Names and shapes of the arrays of a layer, in their order.")
      .def(
          "size", [](const BlockSpec& block, Index width) { return fields(block, width).size(); },
          py::arg("width"), "Number of parameters of a layer.");
}

}  // namespace mgres::bindings
