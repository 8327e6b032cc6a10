// The CUDA part of the Python module: arrays of other libraries on the device, and argument checks.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <vector>

#include "cuda/cuda.hpp"
#include "python/bind.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

using cuda::CudaStream;

// The number of the default stream in Python's protocols.
constexpr CudaStream kDefaultStream = 1;

CudaStream number_of(CudaStream stream) { return stream == 0 ? kDefaultStream : stream; }

// The structures of DLPack in the memory layout of its specification.
struct DLDevice {
  std::int32_t type, id;
};
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  std::uint8_t code, bits;
  std::uint16_t lanes;
  const std::int64_t *shape, *strides;  // in elements; strides are null for a contiguous array
  std::uint64_t byte_offset;
};
constexpr int kDLCuda = 2, kDLCudaManaged = 13;
constexpr std::uint8_t kDLUnsigned = 1, kDLFloat = 2;

// An array of another library. Nothing is checked yet, except that it is on a device.
struct DeviceArray {
  std::uint8_t* data;
  std::string dtype;
  std::vector<std::int64_t> shape, strides;  // strides in bytes
  bool read_only = false;
  CudaStream producer = 0;  // stream that may still write the array; 0: none
  py::object owner;
};

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape, int size) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t step = size;
  for (std::size_t i = shape.size(); i-- > 0; step *= shape[i]) strides[i] = step;
  return strides;
}

std::string describe(const DeviceArray& array) {
  std::string text = array.dtype + " (";
  for (std::size_t i = 0; i < array.shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(array.shape[i]);
  return text + (array.shape.size() == 1 ? ",)" : ")");
}

DeviceArray from_dlpack(const py::object& object, const std::string& name, CudaStream stream) {
  const auto device = object.attr("__dlpack_device__")().cast<std::pair<int, int>>();
  if (device.first != kDLCuda && device.first != kDLCudaManaged)
    throw py::value_error(name + " must lie on a CUDA device, but is a " +
                          py::str(py::type::of(object).attr("__name__")).cast<std::string>() +
                          " elsewhere (DLPack device type " + std::to_string(device.first) + ")");
  // The producer makes our stream wait for its own. The capsule keeps the array alive.
  const py::object capsule = object.attr("__dlpack__")(py::arg("stream") = number_of(stream));
  const auto* const tensor =
      static_cast<const DLTensor*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
  if (tensor == nullptr) throw py::error_already_set();
  DeviceArray array;
  array.data = static_cast<std::uint8_t*>(tensor->data) + tensor->byte_offset;
  const char* const kind = tensor->code == kDLFloat      ? "float"
                           : tensor->code == kDLUnsigned ? "uint"
                                                         : "other";
  array.dtype = kind + std::to_string(tensor->bits * tensor->lanes);
  array.shape.assign(tensor->shape, tensor->shape + tensor->ndim);
  const int size = tensor->bits * tensor->lanes / 8;
  if (tensor->strides == nullptr)
    array.strides = contiguous_strides(array.shape, size);
  else
    for (int i = 0; i < tensor->ndim; ++i) array.strides.push_back(tensor->strides[i] * size);
  array.owner = capsule;
  return array;
}

DeviceArray from_interface(const py::object& object, const std::string& name) try {
  const py::dict interface = object.attr("__cuda_array_interface__");
  const auto get = [&](const char* key) -> py::object {
    return interface.contains(key) ? py::object(interface[key]) : py::none();
  };
  if (!get("mask").is_none()) throw py::value_error(name + " must not be masked");
  DeviceArray array;
  const auto data = interface["data"].cast<std::pair<std::uintptr_t, bool>>();
  array.data = reinterpret_cast<std::uint8_t*>(data.first);
  array.read_only = data.second;
  const py::dtype dtype(interface["typestr"].cast<std::string>());
  array.dtype = py::str(dtype).cast<std::string>();
  array.shape = interface["shape"].cast<std::vector<std::int64_t>>();
  array.strides = get("strides").is_none()
                      ? contiguous_strides(array.shape, static_cast<int>(dtype.itemsize()))
                      : interface["strides"].cast<std::vector<std::int64_t>>();
  if (array.strides.size() != array.shape.size())
    throw py::value_error(name + " has another number of strides than of dimensions");
  if (!get("stream").is_none()) {
    array.producer = interface["stream"].cast<CudaStream>();
    if (array.producer == 0)
      throw py::value_error(name + " names stream 0, which could be either default stream");
  }
  array.owner = object;
  return array;
} catch (const py::cast_error&) {
  throw py::value_error(name + " exports a __cuda_array_interface__ that is not one");
} catch (const py::error_already_set&) {
  throw py::value_error(name + " exports a __cuda_array_interface__ that is not one");
}

// Reads the description that an object exports. With DLPack, `stream` then waits for the work on
// the array; otherwise `await` does that.
DeviceArray view(const py::object& object, const std::string& name, CudaStream stream) {
  if (py::hasattr(object, "__dlpack__") && py::hasattr(object, "__dlpack_device__"))
    return from_dlpack(object, name, stream);
  if (py::hasattr(object, "__cuda_array_interface__")) return from_interface(object, name);
  throw py::type_error(name + " must be an array on a CUDA device, with __dlpack__ or " +
                       "__cuda_array_interface__, got " +
                       py::str(py::type::of(object).attr("__name__")).cast<std::string>());
}

// Throws unless dtype and shape are right; a negative number in `shape` accepts any size.
void require(const DeviceArray& array, const std::string& name, const std::string& dtype,
             const std::vector<std::int64_t>& shape, const char* wanted) {
  bool right = array.dtype == dtype && array.shape.size() == shape.size();
  for (std::size_t i = 0; right && i < shape.size(); ++i)
    right = shape[i] < 0 || shape[i] == array.shape[i];
  if (!right) throw py::value_error(name + " must be " + wanted + ", got " + describe(array));
}

float* contiguous_floats(const DeviceArray& array, const std::string& name) {
  const auto expected = contiguous_strides(array.shape, sizeof(float));
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (array.shape[i] > 1 && array.strides[i] != expected[i])
      throw py::value_error(name + " must be contiguous");
  return reinterpret_cast<float*>(array.data);
}

void require_writable(const DeviceArray& array, const std::string& name) {
  if (array.read_only) throw py::value_error(name + " must be writable");
}

// The last check: that the array is on the device. Then makes `stream` wait until the array is
// written.
void await(const DeviceArray& array, const std::string& name, int device, CudaStream stream) {
  if (array.data == nullptr) return;  // an empty array
  const int there = cuda::device_of(array.data);
  if (there != device)
    throw py::value_error(name + " must lie on CUDA device " + std::to_string(device) +
                          (there < 0 ? std::string(", not in the processor's memory")
                                     : ", not on " + std::to_string(there)));
  if (array.producer != 0 && array.producer != number_of(stream))
    cuda::follow(stream, array.producer);
}

// The view of a frame on the device, or of a NumPy array with packed pixels.
FrameView view_any_frame(const py::object& frame, ColorOrder order, CudaStream stream,
                         DeviceArray& there, py::object& copy) {
  if (planes_of(frame) != nullptr)
    throw py::type_error(
        "frame is a YuvFrame, which a CUDA device does not take: give frame.to_bgr()");
  if (py::isinstance<py::array>(frame)) {
    const FrameView given = view_array(frame, order);
    const auto array = py::reinterpret_borrow<py::array>(frame);
    const bool packed = array.strides(1) == kColors && array.strides(2) == 1 &&
                        array.strides(0) >= static_cast<py::ssize_t>(kColors) * array.shape(1);
    if (packed) return given;
    copy = py::array_t<std::uint8_t, py::array::c_style>::ensure(frame);
    return view_array(copy, order);
  }
  there = view(frame, "frame", stream);
  constexpr const char* kWanted = "uint8 of shape (height, width, 3)";
  require(there, "frame", "uint8", {-1, -1, kColors}, kWanted);
  check_frame_size(there.shape[0], there.shape[1]);
  return view_rgb(there.data, static_cast<int>(there.shape[0]), static_cast<int>(there.shape[1]),
                  static_cast<std::ptrdiff_t>(there.strides[0]),
                  static_cast<std::ptrdiff_t>(there.strides[1]),
                  static_cast<std::ptrdiff_t>(there.strides[2]), order);
}

void push(cuda::FrameMotion& self, const py::object& frame, const py::object& box,
          const py::object& out, const std::string& color, CudaStream stream) {
  DeviceArray there;
  py::object copy;
  const FrameView pixels = view_any_frame(frame, parse_order(color), stream, there, copy);
  const bool on_device = !py::isinstance<py::array>(frame);
  const Box crop = parse_box(box);
  const DeviceArray to = view(out, "out", stream);
  if (to.shape.size() == 4)
    require(to, "out", "float32", {1, kColors, kSide, kSide}, "float32 of shape (3, 36, 36)");
  else
    require(to, "out", "float32", {kColors, kSide, kSide}, "float32 of shape (3, 36, 36)");
  require_writable(to, "out");
  float* const motion = contiguous_floats(to, "out");
  if (on_device) await(there, "frame", self.device(), stream);
  await(to, "out", self.device(), stream);
  py::gil_scoped_release release;
  self.push(pixels, on_device, crop, motion, stream);
}

}  // namespace

void changes_on_device(const Student& student, const py::object& motion, const py::object& out,
                       CudaStream stream) {
  const DeviceArray from = view(motion, "motion", stream), to = view(out, "out", stream);
  require(from, "motion", "float32", {-1, kColors, kSide, kSide},
          "float32 of shape (N, 3, 36, 36)");
  require(to, "out", "float32", {from.shape[0]}, "float32 of shape (N,), as motion has it");
  require_writable(to, "out");
  const float* const motions = contiguous_floats(from, "motion");
  float* const changes = contiguous_floats(to, "out");
  const auto* const network = dynamic_cast<const cuda::Network*>(student.accelerator());
  if (network == nullptr)
    throw py::value_error(std::string("arrays on a CUDA device take a student that was loaded with "
                                      "backend='cuda'; this one runs on '") +
                          student.backend() + "'");
  await(from, "motion", network->device(), stream);
  await(to, "out", network->device(), stream);
  py::gil_scoped_release release;
  network->changes_on_device(motions, from.shape[0], changes, stream);
}

std::shared_ptr<const Accelerator> open_accelerator(const StudentFile& file) {
  return cuda::open_network(file.tensors());
}

void bind_cuda(py::module_& module) {
  module.def("cuda_build", cuda::describe_build);
  module.def("cuda_devices", cuda::describe_devices);
  py::class_<cuda::FrameMotion>(module, "FrameMotion")
      .def(py::init(
               [](const std::string& kind) { return cuda::open_frame_motion(parse_kind(kind)); }),
           py::arg("kind") = "normalized")
      .def("push", push, py::arg("frame"), py::arg("box"), py::arg("out"), py::arg("color") = "bgr",
           py::arg("stream") = 0)
      .def("reset", &cuda::FrameMotion::reset);
}

}  // namespace rppg
