// NumPy arrays as arguments.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

#include "kernels/shape.hpp"

namespace rppg {

constexpr int kContiguous =
    pybind11::array::c_style | pybind11::detail::npy_api::NPY_ARRAY_ALIGNED_;

using Floats = pybind11::array_t<float, kContiguous>;
using Doubles = pybind11::array_t<double, kContiguous | pybind11::array::forcecast>;

// Dtype and shape of an array; the type's name of any other object.
inline std::string describe(const pybind11::handle& value) {
  namespace py = pybind11;
  if (!py::isinstance<py::array>(value))
    return py::str(py::type::of(value).attr("__name__")).cast<std::string>();
  return py::str(py::str("{} {}").format(value.attr("dtype"), value.attr("shape")));
}

inline pybind11::array require_array(const pybind11::object& value, const char* name,
                                     const char* wanted) {
  namespace py = pybind11;
  if (!py::isinstance<py::array>(value))
    throw py::type_error(std::string(name) + " must be " + wanted + ", got " + describe(value));
  return py::reinterpret_borrow<py::array>(value);
}

inline Floats as_floats(const pybind11::object& object, const char* name) {
  namespace py = pybind11;
  const py::array array = require_array(object, name, "a float32 array");
  if (!py::isinstance<py::array_t<float>>(array))
    throw py::value_error(std::string(name) + " must be a float32 array, got " + describe(array));
  // Checked first, because NumPy is slow to find out that no copy is needed.
  if (Floats::check_(array)) return py::reinterpret_borrow<Floats>(array);
  return Floats::ensure(array);
}

// Converts an input of the networks, float32 (N, 3, 36, 36).
inline Floats as_pictures(const pybind11::object& object, const char* name) {
  const Floats array = as_floats(object, name);
  if (array.ndim() != 4 || array.shape(1) != kColors || array.shape(2) != kSide ||
      array.shape(3) != kSide)
    throw pybind11::value_error(std::string(name) + " must have shape (N, 3, 36, 36), got " +
                                describe(array));
  return array;
}

// Converts real numbers to float64; throws TypeError for anything else.
inline Doubles as_real(const pybind11::object& object, const char* name) {
  namespace py = pybind11;
  const auto array = py::array::ensure(object);
  if (!array || std::string_view("biuf").find(array.dtype().kind()) == std::string_view::npos) {
    PyErr_Clear();  // set for a list of lists of different lengths
    throw py::type_error(std::string(name) + " must be real numbers, got " +
                         describe(array ? static_cast<py::object>(array) : object));
  }
  return Doubles::ensure(array);
}

// The same for an array of one dimension.
inline Doubles as_doubles(const pybind11::object& object, const char* name) {
  const Doubles array = as_real(object, name);
  if (array.ndim() != 1)
    throw pybind11::value_error(std::string(name) + " must have one dimension, got " +
                                describe(array));
  return array;
}

}  // namespace rppg
