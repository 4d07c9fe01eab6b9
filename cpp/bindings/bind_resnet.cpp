#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bindings.hpp"
#include "mgres/check.hpp"
#include "mgres/curvature.hpp"
#include "mgres/defect.hpp"
#include "mgres/resnet.hpp"
#include "workspaces.hpp"

namespace mgres::bindings {

namespace {

/// What the states of a batch get added, if anything; see mgres::state_defect.
using Defect = std::optional<py::array>;

/// Asks Python whether a signal (Ctrl-C) has arrived; called with the GIL released.
bool signal_arrived() {
  const py::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

/// A network, its loss and the memory to evaluate them.
template <class S>
class Evaluator {
 public:
  Evaluator(const NetworkSpec& net, Loss loss, const Trainable& trainable, const TapeLimits& limits)
      : net_(net),
        loss_(loss),
        trainable_(trainable),
        size_(net_.layout.size),
        workspaces_(limits) {}

  void logits(const py::array& theta, const py::array& X, const py::array& out,
              const Defect& defect, int threads) {
    const S* parameters = view<const S>("theta", theta, {size_});
    const Batch<S> batch = make_batch(X, defect);
    S* result = view<S>("out", out, {batch.size, net_.outputs()});
    check_apart({"out", result, batch.size * net_.outputs()},
                {range("theta", parameters), range(batch)});
    run(threads, [&](Workspace<S>& workspace, Interrupt& interrupt, int most) {
      mgres::logits(net_, parameters, batch, result, workspace, interrupt, most);
    });
  }

  void states(const py::array& theta, const py::array& X, Index stack,
              const std::vector<Index>& layers, const py::array& out, const Defect& defect,
              int threads) {
    const S* parameters = view<const S>("theta", theta, {size_});
    const Batch<S> batch = make_batch(X, defect);
    const auto stacks = static_cast<Index>(net_.stacks.size());
    check(stack >= 0 && stack < stacks, "stack: expected a number from 0 to ", stacks - 1, ", got ",
          stack);
    const StackSpec& wanted = net_.stacks[static_cast<std::size_t>(stack)];
    Index least = 0;
    for (const Index k : layers) {
      check(k >= least && k <= wanted.depth, "layers: expected ascending numbers from 0 to ",
            wanted.depth, ", got ", k);
      least = k + 1;
    }
    const Index number = static_cast<Index>(layers.size());
    S* result = view<S>("out", out, {number, batch.size, wanted.width});
    check_apart({"out", result, number * batch.size * wanted.width},
                {range("theta", parameters), range(batch)});
    run(threads, [&](Workspace<S>& workspace, Interrupt& interrupt, int most) {
      mgres::states(net_, parameters, batch, stack, layers, result, workspace, interrupt, most);
    });
  }

  double value(const py::array& theta, const py::array& X, const py::array& y, const Defect& defect,
               int threads) {
    const S* parameters = view<const S>("theta", theta, {size_});
    const Batch<S> batch = make_batch(X, defect);
    const Targets<S> targets = make_targets(y, batch.size);
    double result = 0;
    run(threads, [&](Workspace<S>& workspace, Interrupt& interrupt, int most) {
      result = mgres::value(net_, loss_, parameters, batch, targets, workspace, interrupt, most);
    });
    return result;
  }

  double value_and_grad(const py::array& theta, const py::array& X, const py::array& y,
                        const py::array& out, const Defect& defect, int threads) {
    const S* parameters = view<const S>("theta", theta, {size_});
    const Batch<S> batch = make_batch(X, defect);
    const Targets<S> targets = make_targets(y, batch.size);
    S* gradient = view<S>("out", out, {size_});
    check_apart(range("out", gradient),
                {range("theta", parameters), range(batch), range(targets, batch.size)});
    double result = 0;
    run(threads, [&](Workspace<S>& workspace, Interrupt& interrupt, int most) {
      result = mgres::value_and_grad(net_, loss_, trainable_, parameters, batch, targets, gradient,
                                     workspace, interrupt, most);
    });
    return result;
  }

  void curvature_product(Curvature kind, const py::array& theta, const py::array& X,
                         const py::array& y, const py::array& v, const py::array& out,
                         const Defect& defect, int threads) {
    const S* parameters = view<const S>("theta", theta, {size_});
    const Batch<S> batch = make_batch(X, defect);
    const Targets<S> targets = make_targets(y, batch.size);
    const S* direction = view<const S>("v", v, {size_});
    S* product = view<S>("out", out, {size_});
    check_apart(range("out", product), {range("theta", parameters), range("v", direction),
                                        range(batch), range(targets, batch.size)});
    run(threads, [&](Workspace<S>& workspace, Interrupt& interrupt, int most) {
      mgres::curvature_product(kind, net_, loss_, trainable_, parameters, batch, targets, direction,
                               product, workspace, interrupt, most);
    });
  }

  void hessian_product(const py::array& theta, const py::array& X, const py::array& y,
                       const py::array& v, const py::array& out, const Defect& defect,
                       int threads) {
    curvature_product(Curvature::hessian, theta, X, y, v, out, defect, threads);
  }

  void gauss_newton_product(const py::array& theta, const py::array& X, const py::array& y,
                            const py::array& v, const py::array& out, const Defect& defect,
                            int threads) {
    curvature_product(Curvature::gauss_newton, theta, X, y, v, out, defect, threads);
  }

  void vjp(const py::array& theta, const py::array& X, const py::array& dlogits,
           const py::array& out, const std::optional<py::array>& out_X, const Defect& defect,
           int threads) {
    const S* parameters = view<const S>("theta", theta, {size_});
    const Batch<S> batch = make_batch(X, defect);
    const S* derivative = view<const S>("dlogits", dlogits, {batch.size, net_.outputs()});
    S* gradient = view<S>("out", out, {size_});
    const Range given("dlogits", derivative, batch.size * net_.outputs());
    check_apart(range("out", gradient), {range("theta", parameters), range(batch), given});
    S* dX = out_X ? view<S>("out_X", *out_X, {batch.size, net_.inputs()}) : nullptr;
    if (out_X)
      check_apart({"out_X", dX, batch.size * net_.inputs()},
                  {range("theta", parameters), range(batch), given, range("out", gradient)});
    run(threads, [&](Workspace<S>& workspace, Interrupt& interrupt, int most) {
      mgres::vjp(net_, trainable_, parameters, batch, derivative, gradient, dX, workspace,
                 interrupt, most);
    });
  }

  void state_defect(const py::array& theta, const py::array& X, const Evaluator& coarse,
                    const py::array& coarse_theta, const py::array& out, const Defect& defect,
                    int threads) {
    const Network<S>& other = coarse.net_;
    check(other.inputs() == net_.inputs() && other.stacks.size() == net_.stacks.size(),
          "coarse: expected ", net_.inputs(), " inputs and ", net_.stacks.size(), " stacks, got ",
          other.inputs(), " and ", other.stacks.size());
    for (std::size_t i = 0; i < net_.stacks.size(); ++i) {
      const StackSpec &ours = net_.stacks[i], &theirs = other.stacks[i];
      check(theirs.width == ours.width && ours.depth % theirs.depth == 0, "coarse: expected width ",
            ours.width, " and a depth that divides ", ours.depth, ", got ", theirs.width, " and ",
            theirs.depth);
    }
    const S* parameters = view<const S>("theta", theta, {size_});
    const S* coarse_parameters = view<const S>("coarse_theta", coarse_theta, {coarse.size_});
    const Batch<S> batch = make_batch(X, defect);
    S* tau = view<S>("out", out, {defect_size(other, batch.size)});
    run(threads, [&](Workspace<S>& workspace, Interrupt& interrupt, int most) {
      mgres::state_defect(net_, parameters, batch, other, coarse_parameters, tau, workspace,
                          interrupt, most);
    });
  }

  Index defect_size(Index samples) const {
    check(samples >= 1, "n_samples: expected at least 1, got ", samples);
    return defect_size(net_, samples);
  }

  Index gradient_bytes(Index samples, int threads) const {
    check(samples >= 1, "n_samples: expected at least 1, got ", samples);
    return mgres::gradient_bytes<S>(net_, samples, most_of(threads));
  }

  Index checkpoints(Index samples, int threads) const {
    check(samples >= 1, "n_samples: expected at least 1, got ", samples);
    return tape_shape<S>(net_, samples, workspaces_.limits(), most_of(threads)).checkpoints;
  }

  Index size() const { return size_; }
  Index workspace_bytes() const { return workspaces_.bytes(); }

 private:
  Batch<S> make_batch(const py::array& X, const Defect& defect) const {
    const S* data = view<const S>("X", X, {-1, net_.inputs()});
    const Index samples = X.shape(0);
    if (samples == 0) throw py::value_error("X: expected at least one sample, got none");
    if (!defect) return {data, samples};
    return {data, samples, view<const S>("defect", *defect, {defect_size(net_, samples)})};
  }

  static Index defect_size(const Network<S>& net, Index samples) {
    return mgres::defect_size(net, samples);
  }

  /// Numbers of an array, to see whether another one overlaps them.
  struct Range {
    template <class T>
    Range(const char* range_name, const T* first, Index size)
        : name(range_name),
          begin(reinterpret_cast<std::uintptr_t>(first)),
          end(reinterpret_cast<std::uintptr_t>(first + size)) {}
    const char* name;
    std::uintptr_t begin, end;
  };

  static void check_apart(const Range& out, std::initializer_list<Range> inputs) {
    for (const Range& in : inputs)
      if (out.begin < in.end && in.begin < out.end)
        throw py::value_error(std::string(out.name) + ": must not overlap " + in.name);
  }

  Range range(const char* name, const S* parameters) const { return {name, parameters, size_}; }
  Range range(const Batch<S>& batch) const {
    return {"X", batch.inputs, batch.size * net_.inputs()};
  }
  Range range(const Targets<S>& y, Index samples) const {
    if (y.labels != nullptr) return {"y", y.labels, samples};
    return {"y", y.vectors, samples * y.row(net_.outputs())};
  }

  Targets<S> make_targets(const py::array& y, Index samples) const {
    Targets<S> targets;
    if (!py::isinstance<py::array_t<std::int64_t>>(y)) {
      targets.weighted = y.ndim() == 2 && y.shape(1) == net_.outputs() + 1;
      targets.vectors = view<const S>("y", y, {samples, targets.row(net_.outputs())});
      return targets;
    }
    targets.labels = view<const std::int64_t>("y", y, {samples});
    for (Index i = 0; i < samples; ++i)
      check(targets.labels[i] >= 0 && targets.labels[i] < net_.outputs(),
            "y: expected labels from 0 to ", net_.outputs() - 1, ", got ", targets.labels[i],
            " for sample ", i);
    return targets;
  }

  static int most_of(int threads) {
    check(threads >= 0, "threads: expected at least 1, or 0 for the default, got ", threads);
    return threads == 0 ? num_threads() : limited(threads);
  }

  /// Run `work` without the GIL.  Ctrl-C stops it and becomes the KeyboardInterrupt it is.
  template <class Work>
  void run(int threads, const Work& work) {
    const int most = most_of(threads);
    Interrupt interrupt(signal_arrived);
    {
      const py::gil_scoped_release release;
      const typename Workspaces<S>::Lease workspace(workspaces_);
      work(*workspace, interrupt, most);
    }
    if (interrupt.stopped()) throw py::error_already_set();
  }

  Network<S> net_;
  Loss loss_;
  Trainable trainable_;
  Index size_;
  Workspaces<S> workspaces_;
};

template <class S>
void bind_evaluator(py::module_& m, const char* name) {
  using E = Evaluator<S>;
  py::class_<E>(m, name, "A network with its loss, and the memory to evaluate them.")
      .def(py::init([](const NetworkSpec& net, Loss loss, bool opening, bool blocks,
                       bool connections, bool closing, Index tape_bytes) {
             check_network(net);
             check(tape_bytes >= 0, "tape_bytes: expected at least 0, got ", tape_bytes);
             const TapeLimits limits =
                 tape_bytes > 0 ? TapeLimits{tape_bytes, tape_bytes, tape_bytes} : TapeLimits{};
             return std::make_unique<E>(net, loss, Trainable{opening, blocks, connections, closing},
                                        limits);
           }),
           py::arg("net"), py::arg("loss") = Loss::cross_entropy, py::kw_only(),
           py::arg("train_opening") = true, py::arg("train_blocks") = true,
           py::arg("train_connections") = true, py::arg("train_closing") = true,
           py::arg("tape_bytes") = 0)
      .def_property_readonly("size", &E::size, "Length of the flat parameter vector.")
      .def_property_readonly("workspace_bytes", &E::workspace_bytes,
                             "Scratch memory held at present, in bytes.")
      .def("gradient_bytes", &E::gradient_bytes, py::arg("n_samples"), py::arg("threads") = 0,
           "Scratch memory that value_and_grad needs, in bytes.")
      .def(
          "checkpoints", &E::checkpoints, py::arg("n_samples"), py::arg("threads") = 0,
          "Checkpoints that value_and_grad keeps of each chunk; 0 where its tape holds all layers.")
      .def("logits", &E::logits, py::arg("theta").noconvert(), py::arg("X").noconvert(),
           py::arg("out").noconvert(), py::arg("defect") = py::none(), py::arg("threads") = 0,
           "Write the logits (n, n_outputs) to `out`.")
      .def("states", &E::states, py::arg("theta").noconvert(), py::arg("X").noconvert(),
           py::arg("stack"), py::arg("layers"), py::arg("out").noconvert(),
           py::arg("defect") = py::none(), py::arg("threads") = 0,
           "Write the states after `layers` layers of a stack, (n, width) each, to `out`.")
      .def("value", &E::value, py::arg("theta").noconvert(), py::arg("X").noconvert(),
           py::arg("y").noconvert(), py::arg("defect") = py::none(), py::arg("threads") = 0,
           "Return the mean loss.")
      .def("value_and_grad", &E::value_and_grad, py::arg("theta").noconvert(),
           py::arg("X").noconvert(), py::arg("y").noconvert(), py::arg("out").noconvert(),
           py::arg("defect") = py::none(), py::arg("threads") = 0,
           "Write the gradient of the mean loss to `out` and return the mean loss.")
      .def("hessian_product", &E::hessian_product, py::arg("theta").noconvert(),
           py::arg("X").noconvert(), py::arg("y").noconvert(), py::arg("v").noconvert(),
           py::arg("out").noconvert(), py::arg("defect") = py::none(), py::arg("threads") = 0,
           "Write the product of the Hessian of the mean loss with `v` to `out`.")
      .def("gauss_newton_product", &E::gauss_newton_product, py::arg("theta").noconvert(),
           py::arg("X").noconvert(), py::arg("y").noconvert(), py::arg("v").noconvert(),
           py::arg("out").noconvert(), py::arg("defect") = py::none(), py::arg("threads") = 0,
           "Write the product of the Gauss-Newton matrix of the mean loss with `v` to `out`.")
      .def("vjp", &E::vjp, py::arg("theta").noconvert(), py::arg("X").noconvert(),
           py::arg("dlogits").noconvert(), py::arg("out").noconvert(),
           py::arg("out_X") = py::none(), py::arg("defect") = py::none(), py::arg("threads") = 0,
           "Write the transposed derivative of the logits times `dlogits` to `out` (by theta) and "
           "`out_X` (by X).")
      .def("state_defect", &E::state_defect, py::arg("theta").noconvert(), py::arg("X").noconvert(),
           py::arg("coarse"), py::arg("coarse_theta").noconvert(), py::arg("out").noconvert(),
           py::arg("defect") = py::none(), py::arg("threads") = 0,
           "Write by how much the steps of `coarse` miss the states of this network to `out`.")
      .def("defect_size", py::overload_cast<Index>(&E::defect_size, py::const_),
           py::arg("n_samples"), "Return the length of a state defect of this network.");
}

}  // namespace

void bind_resnet(py::module_& m) {
  py::native_enum<Loss>(m, "Loss", "enum.Enum")
      .value("cross_entropy", Loss::cross_entropy)
      .value("squared_error", Loss::squared_error)
      .finalize();
  bind_evaluator<float>(m, "EvaluatorFloat32");
  bind_evaluator<double>(m, "EvaluatorFloat64");
}

}  // namespace mgres::bindings
