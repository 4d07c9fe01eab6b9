#include "arrays.hpp"
#include "bindings.hpp"
#include "mgres/update.hpp"

namespace mgres::bindings {

namespace {

double py_dot(const py::array& x, const py::array& y) {
  return dispatch("x", x, [&](auto zero) {
    using S = decltype(zero);
    const Index n = x.size();
    return dot<S>(n, view<const S>("x", x, {-1}), view<const S>("y", y, {n}));
  });
}

void py_axpy(double alpha, const py::array& x, const py::array& y) {
  dispatch("x", x, [&](auto zero) {
    using S = decltype(zero);
    const Index n = x.size();
    axpy<S>(n, static_cast<S>(alpha), view<const S>("x", x, {-1}), view<S>("y", y, {n}));
  });
}

double py_add_square(double weight, const py::array& x, const py::object& gradient) {
  return dispatch("x", x, [&](auto zero) {
    using S = decltype(zero);
    const Index n = x.size();
    S* g = gradient.is_none() ? nullptr : view<S>("gradient", gradient.cast<py::array>(), {n});
    return add_square<S>(n, weight, view<const S>("x", x, {-1}), g);
  });
}

void py_adam(const py::array& x, const py::array& gradient, const py::array& first_moment,
             const py::array& second_moment, double learning_rate, double beta1, double beta2,
             double epsilon, long long steps) {
  dispatch("x", x, [&](auto zero) {
    using S = decltype(zero);
    const Index n = x.size();
    adam<S>(n, view<S>("x", x, {-1}), view<const S>("gradient", gradient, {n}),
            view<S>("first_moment", first_moment, {n}),
            view<S>("second_moment", second_moment, {n}), learning_rate, beta1, beta2, epsilon,
            steps);
  });
}

}  // namespace

void bind_update(py::module_& m) {
  m.def("dot", &py_dot, py::arg("x").noconvert(), py::arg("y").noconvert(),
        "Return <x, y>, accumulated in double precision in a fixed order.");
  m.def("axpy", &py_axpy, py::arg("alpha"), py::arg("x").noconvert(), py::arg("y").noconvert(),
        "y += alpha x, in place.");
  m.def("add_square", &py_add_square, py::arg("weight"), py::arg("x").noconvert(),
        py::arg("gradient"),
        "Return weight |x|^2; add its gradient 2 weight x to `gradient` unless that is None.");
  m.def("adam", &py_adam, py::arg("x").noconvert(), py::arg("gradient").noconvert(),
        py::arg("first_moment").noconvert(), py::arg("second_moment").noconvert(),
        py::arg("learning_rate"), py::arg("beta1"), py::arg("beta2"), py::arg("epsilon"),
        py::arg("steps"),
        "One step of Adam, in place; `steps` counts from 1 and includes this one.");
}

}  // namespace mgres::bindings
