/// The only place where numpy arrays are checked and turned into pointers.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "mgres/types.hpp"

namespace mgres::bindings {

namespace py = pybind11;

inline std::string shape_text(const std::vector<Index>& shape) {
  std::ostringstream text;
  text << '(';
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text << ", ";
    if (shape[i] < 0)
      text << 'n';
    else
      text << shape[i];
  }
  text << (shape.size() == 1 ? ",)" : ")");
  return text.str();
}

template <class S>
void check_dtype(const char* name, const py::array& array) {
  if (py::isinstance<py::array_t<S>>(array)) return;
  std::ostringstream text;
  text << name << ": expected dtype " << py::str(py::dtype::of<S>()).cast<std::string>() << ", got "
       << py::str(array.dtype()).cast<std::string>();
  throw py::type_error(text.str());
}

/// numpy.ma hides entries from Python only: C++ would read what lies under the mask.
inline void check_unmasked(const char* name, const py::array& array) {
  const bool is_plain = Py_TYPE(array.ptr()) == py::detail::npy_api::get().PyArray_Type_;
  if (!is_plain && py::hasattr(array, "mask"))
    throw py::type_error(std::string(name) +
                         ": expected a plain array, got a masked one; fill or drop what is masked");
}

/// A pointer to the data of a C-contiguous array of type S (const S to read) and the given shape,
/// where -1 stands for any length.  TypeError for the wrong dtype or layout or a mask, ValueError for the
/// wrong shape or an output that is read-only.  Never a copy.
template <class S>
S* view(const char* name, const py::array& array, const std::vector<Index>& shape) {
  using Value = std::remove_const_t<S>;
  check_dtype<Value>(name, array);
  check_unmasked(name, array);
  bool fits = array.ndim() == static_cast<Index>(shape.size());
  std::vector<Index> actual(array.shape(), array.shape() + array.ndim());
  for (std::size_t i = 0; fits && i < shape.size(); ++i)
    fits = shape[i] < 0 || shape[i] == actual[i];
  if (!fits)
    throw py::value_error(std::string(name) + ": expected shape " + shape_text(shape) + ", got " +
                          shape_text(actual));
  if ((array.flags() & py::array::c_style) == 0)
    throw py::type_error(std::string(name) +
                         ": expected a C-contiguous array, got a strided one; pass "
                         "numpy.ascontiguousarray(...)");
  if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(Value) != 0)
    throw py::type_error(std::string(name) +
                         ": expected an aligned array, got one that begins within a number; pass a "
                         "copy");
  if constexpr (std::is_const_v<S>) {
    return static_cast<S*>(array.data());
  } else {
    if (!array.writeable())
      throw py::value_error(std::string(name) + ": expected a writable array, got a read-only one");
    return static_cast<S*>(const_cast<void*>(array.data()));
  }
}

/// Call f(S{}) with S the floating-point type of `array`; TypeError if it is neither of the two.
template <class F>
auto dispatch(const char* name, const py::array& array, const F& f) {
  if (py::isinstance<py::array_t<float>>(array)) return f(float{});
  if (py::isinstance<py::array_t<double>>(array)) return f(double{});
  throw py::type_error(std::string(name) + ": expected dtype float32 or float64, got " +
                       py::str(array.dtype()).cast<std::string>());
}

}  // namespace mgres::bindings
