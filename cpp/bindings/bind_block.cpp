#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "mgres/check.hpp"
#include "mgres/network_spec.hpp"

namespace mgres::bindings {

namespace py = pybind11;

namespace {

py::list named_shapes(const Fields& arrays) {
  py::list found;
  for (const Field& f : arrays) {
    py::list shape;
    for (const Index n : f.shape)
      if (n > 0) shape.append(n);
    found.append(py::make_tuple(f.name, py::tuple(shape)));
  }
  return found;
}

}  // namespace

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
          [](const BlockSpec& block, Index width) { return named_shapes(fields(block, width)); },
          py::arg("width"), "Names and shapes of the arrays of a layer, in their order.")
      .def(
          "size", [](const BlockSpec& block, Index width) { return fields(block, width).size(); },
          py::arg("width"), "Number of parameters of a layer.");
  py::native_enum<MapKind>(m, "MapKind", "enum.Enum")
      .value("matrix", MapKind::matrix)
      .value("pooled", MapKind::pooled)
      .value("convolution", MapKind::convolution)
      .value("resample", MapKind::resample)
      .finalize();
  using Sizes = std::array<Index, 3>;
  py::class_<MapSpec>(m, "Map", "A linear map before, between or behind stacks.")
      .def(py::init([](MapKind kind, const Sizes& in, const Sizes& out, Index kernel_rows,
                       Index kernel_columns, bool periodic, bool biased) {
             const MapSpec map{kind,        {in[0], in[1], in[2]}, {out[0], out[1], out[2]},
                               kernel_rows, kernel_columns,        periodic,
                               biased};
             check_map(map);
             return map;
           }),
           py::arg("kind"), py::arg("before"), py::arg("behind"), py::kw_only(),
           py::arg("kernel_rows") = 1, py::arg("kernel_columns") = 1, py::arg("periodic") = false,
           py::arg("biased") = true)
      .def(
          "parameters", [](const MapSpec& map) { return named_shapes(fields(map)); },
          "Names and shapes of the arrays of the map, in their order.");
  py::class_<StackSpec>(m, "Stack", "Layers that are alike.")
      .def(py::init([](Index width, Index depth, double final_time, const BlockSpec& block,
                       Scheme scheme, double substeps) {
             const StackSpec stack{width, depth, final_time, block, scheme, substeps};
             check_stack(stack);
             return stack;
           }),
           py::arg("width"), py::arg("depth"), py::arg("final_time"), py::arg("block"),
           py::kw_only(), py::arg("scheme") = Scheme::euler, py::arg("substeps") = 1.0);
  py::class_<NetworkSpec>(m, "Network",
                          "Stacks of layers, with maps before, between and behind them.")
      .def(py::init([](const MapSpec& opening, const std::vector<StackSpec>& stacks,
                       const std::vector<MapSpec>& connections, const MapSpec& closing) {
             NetworkSpec net;
             net.opening = opening;
             net.stacks = stacks;
             net.connections = connections;
             net.closing = closing;
             check_network(net);
             return net;
           }),
           py::arg("opening"), py::arg("stacks"), py::arg("connections"), py::arg("closing"));
}

}  // namespace mgres::bindings
