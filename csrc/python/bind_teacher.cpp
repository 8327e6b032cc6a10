// The teacher for Python: argument checks, release of the GIL, no arithmetic.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <string_view>

#include "network/teacher.hpp"
#include "python/arrays.hpp"
#include "python/bind.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

std::shared_ptr<Teacher> make_teacher(const py::bytes& data, const std::string& source,
                                      const std::string& backend) {
  const std::string_view bytes = data;
  if (backend == "cuda")
    throw py::value_error("a teacher does not run on a CUDA device; leave out backend='cuda'");
  const Kernels& kernels = select_kernels(backend.c_str());
  return std::make_shared<Teacher>(read_teacher_weights(bytes.data(), bytes.size(), source),
                                   kernels);
}

py::array_t<float> call(const Teacher& teacher, const py::object& motion,
                        const py::object& appearance, int threads) {
  check_threads(threads);
  const Floats motions = as_pictures(motion, "motion");
  const Floats appearances = as_pictures(appearance, "appearance");
  const py::ssize_t count = motions.shape(0);
  if (appearances.shape(0) != count)
    throw py::value_error("there must be as many motions as appearances, got " +
                          std::to_string(count) + " and " + std::to_string(appearances.shape(0)));
  py::array_t<float> out(count);
  const float *const moved = motions.data(), *const seen = appearances.data();
  float* const changes = out.mutable_data();
  py::gil_scoped_release release;
  teacher.predict_batch(moved, seen, count, threads, changes);
  return out;
}

}  // namespace

void bind_teacher(py::module_& module) {
  py::class_<Teacher, Network, std::shared_ptr<Teacher>>(module, "Teacher")
      .def(py::init(&make_teacher), py::arg("data"), py::arg("source"), py::arg("backend") = "auto")
      .def("__call__", call, py::arg("motion"), py::arg("appearance"), py::arg("threads") = 1)
      .def_property_readonly("backend", [](const Teacher& t) { return t.kernels().name; })
      .def_property_readonly("metadata", [](const Teacher& t) { return t.weights().metadata; });
}

}  // namespace rppg
