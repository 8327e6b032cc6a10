// The Python module: argument checks and release of the GIL, no arithmetic. Signatures and user
// documentation are in rppg_fast/_core.pyi.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "python/arrays.hpp"
#include "python/bind.hpp"
#include "reading/window.hpp"

namespace py = pybind11;

namespace rppg {
MotionKind parse_kind(const std::string& kind) {
  if (kind == "normalized") return MotionKind::normalized;
  if (kind == "difference") return MotionKind::difference;
  throw py::value_error("kind must be 'normalized' or 'difference', got '" + kind + "'");
}

Box parse_box(const py::object& object) {
  try {
    const py::tuple sides(object);
    const bool whole = std::all_of(sides.begin(), sides.end(), [](const py::handle& side) {
      return PyIndex_Check(side.ptr()) != 0;
    });
    if (sides.size() == 4 && whole)
      return {sides[0].cast<int>(), sides[1].cast<int>(), sides[2].cast<int>(),
              sides[3].cast<int>()};
  } catch (const py::cast_error&) {
  } catch (const py::error_already_set&) {
  }
  throw py::type_error("box must be four whole numbers (x0, y0, x1, y1), got " +
                       py::repr(object).cast<std::string>());
}

void check_threads(int threads) {
  if (threads < 1)
    throw py::value_error("threads must be at least 1, got " + std::to_string(threads));
}

namespace {

py::array_t<float> appearance(const py::object& frame, const py::object& box,
                              const std::string& color, const std::string& backend) {
  const Kernels& kernels = select_kernels(backend.c_str());
  const FrameView view = view_frame(frame, color);
  const Box crop = box.is_none() ? Box{0, 0, view.width, view.height} : parse_box(box);
  check_box(crop, view);
  py::array_t<float> out({kColors, kSide, kSide});
  float* const pixels = out.mutable_data();
  py::gil_scoped_release release;
  AreaResize(kernels).run(view, crop, pixels);
  return out;
}

py::array_t<float> motion(const py::object& a, const py::object& b, const std::string& kind,
                          const std::string& backend) {
  const Kernels& kernels = select_kernels(backend.c_str());
  const MotionKind parsed = parse_kind(kind);
  const Floats first = as_floats(a, "a"), second = as_floats(b, "b");
  const std::vector<py::ssize_t> shape(first.shape(), first.shape() + first.ndim());
  if (shape != std::vector<py::ssize_t>(second.shape(), second.shape() + second.ndim()))
    throw py::value_error("a and b must have the same shape, got " + describe(first) + " and " +
                          describe(second));
  py::array_t<float> out(shape);
  const float *from = first.data(), *to = second.data();
  float* const result = out.mutable_data();
  const py::ssize_t count = out.size();
  py::gil_scoped_release release;
  compute_motion(kernels, parsed, from, to, count, result);
  return out;
}

std::shared_ptr<const Student> make_student(const py::bytes& data, const std::string& source,
                                            const std::string& backend) {
  const std::string_view bytes = data;
  const bool accelerated = backend == "cuda";
  const Kernels& kernels = select_kernels(accelerated ? "auto" : backend.c_str());
  const StudentFile file = read_student_file(bytes.data(), bytes.size(), source);
  return std::make_shared<const Student>(pack_weights(file), kernels,
                                         accelerated ? open_accelerator(file) : nullptr);
}

py::array_t<float> predict(const Student& student, const py::object& object, int threads) {
  check_threads(threads);
  const Floats input = as_pictures(object, "motion");
  const py::ssize_t count = input.shape(0);
  py::array_t<float> out(count);
  const float* const frames = input.data();
  float* const changes = out.mutable_data();
  py::gil_scoped_release release;
  student.predict_batch(frames, count, threads, changes);
  return out;
}

py::object call_student(const Student& student, const py::object& motion, int threads,
                        const py::object& out, std::uintptr_t stream) {
  if (!out.is_none()) {
    changes_on_device(student, motion, out, stream);
    return out;
  }
  if (!py::isinstance<py::array>(motion) && py::hasattr(motion, "__dlpack__"))
    throw py::type_error("motion is a " + describe(motion) + ": give a NumPy array, or, where it " +
                         "is on a CUDA device, an array of shape (N,) there as out");
  return predict(student, motion, threads);
}

Doubles observe_appearance(const py::object& object) {
  const Floats seen = as_floats(object, "appearance");
  if (seen.ndim() != 3 || seen.shape(0) != kColors || seen.shape(1) != kSide ||
      seen.shape(2) != kSide)
    throw py::value_error("appearance must have shape (3, 36, 36), got " + describe(seen));
  Doubles out(py::ssize_t{kObserved});
  observe(seen.data(), out.mutable_data());
  return out;
}

void bind_kernels(py::module_& module) {
  module.def("appearance", appearance, py::arg("frame"), py::arg("box") = py::none(),
             py::arg("color") = "bgr", py::arg("backend") = "auto");
  module.def("motion", motion, py::arg("a"), py::arg("b"), py::arg("kind") = "normalized",
             py::arg("backend") = "auto");
  module.def("observe", observe_appearance, py::arg("appearance"));
  module.attr("OBSERVED") = kObserved;
  module.attr("SIGNALS") = kSignals;
  module.def("backends", [] {
    std::vector<std::string> names;
    for (const char* const* name = available_backends(); *name != nullptr; ++name)
      names.emplace_back(*name);
    return names;
  });
}

void bind_student(py::module_& module) {
  py::class_<Network, std::shared_ptr<Network>>(module, "Network");
  py::class_<Student, Network, std::shared_ptr<Student>>(module, "Student")
      .def(py::init(
               [](const py::bytes& data, const std::string& source, const std::string& backend) {
                 return std::const_pointer_cast<Student>(make_student(data, source, backend));
               }),
           py::arg("data"), py::arg("source"), py::arg("backend") = "auto")
      .def("__call__", call_student, py::arg("motion"), py::arg("threads") = 1, py::kw_only(),
           py::arg("out") = py::none(), py::arg("stream") = 0)
      .def_property_readonly("backend", [](const Student& s) { return s.backend(); })
      .def_property_readonly("metadata", [](const Student& s) { return s.weights().metadata; });
}

}  // namespace
}  // namespace rppg

// Objects of the module look after themselves where Python has no GIL: see python/locked.hpp.
PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  module.attr("__version__") = RPPG_VERSION;
  module.attr("compiler") = RPPG_COMPILER;
  module.attr("flags") = RPPG_FLAGS;
  rppg::bind_frame(module);
  rppg::bind_kernels(module);
  rppg::bind_student(module);
  rppg::bind_teacher(module);
  rppg::bind_signal(module);
  rppg::bind_pulse(module);
  rppg::bind_summary(module);
  rppg::bind_classical(module);
  rppg::bind_cuda(module);
  rppg::bind_face(module);
  rppg::bind_monitor(module);
}
