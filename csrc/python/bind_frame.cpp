// Frames of Python: NumPy arrays, and the planes of rppg_fast/yuv.py.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "frame/color.hpp"
#include "python/arrays.hpp"
#include "python/bind.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

using py::detail::npy_api;

// The coarsest chroma has a quarter of the rows or columns.
constexpr int kMostShift = 2;

Matrix parse_matrix(const std::string& matrix) {
  if (matrix == "bt601") return Matrix::bt601;
  if (matrix == "bt709") return Matrix::bt709;
  if (matrix == "bt2020") return Matrix::bt2020;
  throw py::value_error("matrix must be 'bt601', 'bt709' or 'bt2020', got '" + matrix + "'");
}

py::array require_plane(const py::object& object, const char* name) {
  constexpr const char* kWanted = "a uint8 or uint16 array of shape (rows, columns)";
  const py::array array = require_array(object, name, kWanted);
  const int kind = array.dtype().num();
  const bool words = kind == npy_api::NPY_USHORT_ && array.dtype().byteorder() != '>';
  if ((kind != npy_api::NPY_UBYTE_ && !words) || array.ndim() != 2)
    throw py::value_error(std::string(name) + " must be " + kWanted +
                          (kind == npy_api::NPY_USHORT_ && !words ? ", little-endian" : "") +
                          ", got " + describe(array));
  return array;
}

Plane plane_of(const py::array& array) {
  return {static_cast<const std::uint8_t*>(array.data()), array.strides(0), array.strides(1)};
}

// How `length` pixels share `count` samples, if the first sample belongs to `phase` pixels fewer.
// The result's shift is -1 if this is not possible.
Sampling find_sampling(int length, py::ssize_t count, int phase) {
  for (int shift = 0; shift <= kMostShift; ++shift) {
    const Sampling sampling{shift, phase};
    if (phase >= 0 && phase < sampling.step() && sampling.count(length) == count) return sampling;
  }
  return {-1, 0};
}

// The view of a YuvFrame, and the arrays that hold its pixels.
class Planes {
 public:
  Planes(const py::object& y, const py::object& u, const py::object& v, int bits, int shift,
         bool full_range, const std::string& matrix, const std::array<int, 2>& phase) {
    view_.matrix = parse_matrix(matrix);
    view_.full_range = full_range;
    arrays_[0] = require_plane(y, "y");
    const py::array& luma = arrays_[0];
    if (luma.size() == 0) throw py::value_error("y is empty: got " + describe(luma));
    check_frame_size(luma.shape(0), luma.shape(1));
    view_.height = static_cast<int>(luma.shape(0));
    view_.width = static_cast<int>(luma.shape(1));
    take_bits(bits, shift);
    view_.planes[0] = plane_of(luma);
    view_.colors = u.is_none() ? Colors::grey : Colors::yuv;
    if (u.is_none() != v.is_none())
      throw py::value_error("u and v must both be arrays, or, of grey, both None");
    if (u.is_none()) {
      if (phase != std::array<int, 2>{})
        throw py::value_error("phase is for chroma, and a grey frame has none");
      return;
    }
    take_chroma(u, "u", 1);
    take_chroma(v, "v", 2);
    if (arrays_[1].shape(0) != arrays_[2].shape(0) || arrays_[1].shape(1) != arrays_[2].shape(1))
      throw py::value_error("u and v must have the same shape, got " + describe(arrays_[1]) +
                            " and " + describe(arrays_[2]));
    view_.across = find_sampling(view_.width, arrays_[1].shape(1), phase[0]);
    view_.down = find_sampling(view_.height, arrays_[1].shape(0), phase[1]);
    if (view_.across.shift < 0 || view_.down.shift < 0)
      throw py::value_error(
          "u and v must have as many rows and columns as y, or half or a quarter "
          "as many, rounded up; got u " +
          describe(arrays_[1]) + ", y " + describe(luma) + " and phase (" +
          std::to_string(phase[0]) + ", " + std::to_string(phase[1]) + ")");
  }

  const FrameView& view() const { return view_; }

 private:
  void take_bits(int bits, int shift) {
    const bool bytes = arrays_[0].itemsize() == 1;
    const std::string got =
        ", got bits " + std::to_string(bits) + " and shift " + std::to_string(shift);
    if (bytes && (bits != 8 || shift != 0))
      throw py::value_error("y is uint8: bits must be 8 and shift 0" + got);
    if (!bytes && (bits < 9 || bits > 16 || shift < 0 || bits + shift > 16))
      throw py::value_error(
          "y is uint16: bits must be from 9 to 16, and bits and shift 16 at most "
          "together; yuv420p10le has 10 and 0, p010 10 and 6" +
          got);
    view_.bits = bits;
    view_.shift = shift;
  }

  void take_chroma(const py::object& object, const char* name, std::size_t channel) {
    arrays_[channel] = require_plane(object, name);
    if (arrays_[channel].itemsize() != arrays_[0].itemsize())
      throw py::value_error(std::string(name) + " must have the dtype of y, got " +
                            describe(arrays_[channel]) + " and " + describe(arrays_[0]));
    view_.planes[channel] = plane_of(arrays_[channel]);
  }

  std::array<py::array, 3> arrays_;
  FrameView view_;
};

py::tuple turned_phase(const Planes& planes, int quarter_turns, bool mirrored) {
  const FrameView view = planes.view().turned(quarter_turns);
  const FrameView seen = mirrored ? view.mirrored() : view;
  return py::make_tuple(seen.across.phase, seen.down.phase);
}

py::array_t<std::uint8_t> as_bgr(const py::object& frame, const std::string& color) {
  const FrameView view = view_frame(frame, color);
  py::array_t<std::uint8_t> out({view.height, view.width, kColors});
  std::uint8_t* const pixels = out.mutable_data();
  py::gil_scoped_release release;
  to_bgr(view, pixels);
  return out;
}

}  // namespace

ColorOrder parse_order(const std::string& color) {
  if (color == "bgr") return ColorOrder::bgr;
  if (color == "rgb") return ColorOrder::rgb;
  throw py::value_error("color must be 'bgr' or 'rgb', got '" + color + "'");
}

void check_frame_size(std::int64_t height, std::int64_t width) {
  if (height == 0 || width == 0) throw py::value_error("frame must not be empty");
  if (std::max(height, width) > kLongestSide)
    throw py::value_error("frame must not be longer than " + std::to_string(kLongestSide) +
                          " pixels, got " + std::to_string(width) + "x" + std::to_string(height));
}

FrameView view_array(const py::object& object, ColorOrder order) {
  constexpr const char* kWanted = "a uint8 array of shape (height, width, 3)";
  const py::array frame = require_array(object, "frame", kWanted);
  if (frame.dtype().num() != npy_api::NPY_UBYTE_ || frame.ndim() != 3 ||
      frame.shape(2) != kColors || frame.size() == 0)
    throw py::value_error(std::string("frame must be ") + kWanted + ", got " + describe(frame));
  check_frame_size(frame.shape(0), frame.shape(1));
  return view_rgb(static_cast<const std::uint8_t*>(frame.data()), static_cast<int>(frame.shape(0)),
                  static_cast<int>(frame.shape(1)), frame.strides(0), frame.strides(1),
                  frame.strides(2), order);
}

FrameView view_frame(const py::object& object, const std::string& color) {
  const ColorOrder order = parse_order(color);
  if (const FrameView* const planes = planes_of(object)) return *planes;
  constexpr const char* kWanted =
      "a uint8 array of shape (height, width, 3), one of grey of shape (height, width), or a "
      "YuvFrame";
  const py::array frame = require_array(object, "frame", kWanted);
  if (frame.ndim() == 3 && frame.shape(2) == kColors &&
      frame.dtype().num() == npy_api::NPY_UBYTE_ && frame.size() != 0)
    return view_array(object, order);
  if (frame.dtype().num() != npy_api::NPY_UBYTE_ || frame.ndim() != 2 || frame.size() == 0)
    throw py::value_error(std::string("frame must be ") + kWanted + ", got " + describe(frame));
  check_frame_size(frame.shape(0), frame.shape(1));
  FrameView out;
  out.height = static_cast<int>(frame.shape(0));
  out.width = static_cast<int>(frame.shape(1));
  out.colors = Colors::grey;
  out.planes[0] = plane_of(frame);
  out.full_range = true;
  return out;
}

const FrameView* planes_of(const py::handle& object) {
  if (py::isinstance<py::array>(object)) return nullptr;
  static PyObject* const name = PyUnicode_InternFromString("_planes");
  const auto held = py::reinterpret_steal<py::object>(PyObject_GetAttr(object.ptr(), name));
  if (!held) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw py::error_already_set();
    PyErr_Clear();
    return nullptr;
  }
  // The caller holds the frame; the frame is immutable and keeps the planes alive.
  return py::isinstance<Planes>(held) ? &held.cast<const Planes&>().view() : nullptr;
}

void bind_frame(py::module_& module) {
  py::class_<Planes>(module, "Planes")
      .def(py::init<const py::object&, const py::object&, const py::object&, int, int, bool,
                    const std::string&, const std::array<int, 2>&>(),
           py::arg("y"), py::arg("u"), py::arg("v"), py::arg("bits"), py::arg("shift"),
           py::arg("full_range"), py::arg("matrix"), py::arg("phase"))
      .def("turned_phase", turned_phase, py::arg("quarter_turns"), py::arg("mirrored") = false);
  module.def("to_bgr", as_bgr, py::arg("frame"), py::arg("color") = "bgr");
}

}  // namespace rppg
