// The face detector for Python: argument checks, release of the GIL, no arithmetic.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <string_view>

#include "bindings.hpp"
#include "face/detector.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Rectangle = std::array<double, 4>;

Face face_of(const Rectangle& box) { return {box[0], box[1], box[2], box[3], 1.0, {}}; }

py::tuple as_tuple(const Face& face) {
  py::list points;
  for (const Point& point : face.landmarks) points.append(py::make_tuple(point.x, point.y));
  return py::make_tuple(face.x0, face.y0, face.x1, face.y1, face.probability, py::tuple(points));
}

class DetectorHandle {
 public:
  DetectorHandle(std::shared_ptr<FaceNetworks> networks, double min_face_size,
                 const std::array<double, 3>& thresholds, double factor, const std::string& backend)
      : detector_(std::move(networks), {min_face_size, thresholds, factor},
                  select_kernels(backend.c_str())) {}

  py::list find(const py::object& frame) {
    const FrameView view = view_frame(frame, ColourOrder::bgr);
    const BusyMark mark(busy_, "detector");
    const std::vector<Face> faces = [&] {
      py::gil_scoped_release release;
      return detector_.find(view);
    }();
    py::list out;
    for (const Face& face : faces) out.append(as_tuple(face));
    return out;
  }

  py::object look_again(const py::object& frame, const Rectangle& box) {
    const FrameView view = view_frame(frame, ColourOrder::bgr);
    const BusyMark mark(busy_, "detector");
    const std::optional<Face> found = [&] {
      py::gil_scoped_release release;
      return detector_.look_again(view, face_of(box));
    }();
    return found ? as_tuple(*found) : py::object(py::none());
  }

 private:
  FaceDetector detector_;
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

// What a network says of a picture of its size.
Floats forward(const FaceNetworks& networks, const std::string& name, const py::object& frame,
               const std::string& backend) {
  const FaceNetwork& network = name == "pnet"   ? networks.propose
                               : name == "rnet" ? networks.refine
                                                : networks.output;
  const FrameView view = view_frame(frame, ColourOrder::bgr);
  const Box whole{0, 0, view.width, view.height};
  Picture picture;
  picture.fill(view, {whole, 1});
  FaceForward pass(network, select_kernels(backend.c_str()));
  if (network.side != 0) {
    const float* const outputs = pass.look(picture, {whole});
    return Floats({1, 1, network.outputs}, outputs);
  }
  pass.begin(picture, whole, view.height, view.width);
  Floats out({pass.height(), pass.width(), network.outputs});
  for (int y = 0; y < pass.height(); ++y) {
    const float* pixel = pass.row(y);
    for (int x = 0; x < pass.width(); ++x, pixel += pass.stride())
      std::copy_n(pixel, network.outputs, out.mutable_data(y, x, 0));
  }
  return out;
}

std::vector<int> suppress_boxes(const Floats& boxes, const Floats& scores, float threshold,
                                const std::string& relative_to) {
  if (boxes.ndim() != 2 || boxes.shape(1) != 4 || scores.ndim() != 1 ||
      scores.shape(0) != boxes.shape(0))
    throw py::value_error("boxes must have shape (N, 4), and scores (N,)");
  if (relative_to != "union" && relative_to != "smaller")
    throw py::value_error("relative_to must be 'union' or 'smaller', got '" + relative_to + "'");
  std::vector<Edges> edges(static_cast<std::size_t>(boxes.shape(0)));
  for (std::size_t i = 0; i < edges.size(); ++i)
    std::copy_n(boxes.data(static_cast<py::ssize_t>(i), 0), 4, edges[i].begin());
  return suppress(edges, {scores.data(), scores.data() + scores.size()}, threshold,
                  relative_to == "union" ? Overlap::of_union : Overlap::of_smaller);
}

}  // namespace

void bind_face(py::module_& module) {
  py::class_<FaceNetworks, std::shared_ptr<FaceNetworks>>(module, "FaceNetworks")
      .def(py::init([](const py::bytes& data, const std::string& source) {
             const std::string_view bytes = data;
             return std::const_pointer_cast<FaceNetworks>(
                 read_face_networks(bytes.data(), bytes.size(), source));
           }),
           py::arg("data"), py::arg("source"))
      .def("forward", forward, py::arg("name"), py::arg("frame"), py::arg("backend") = "auto");

  const DetectorOptions defaults;
  py::class_<DetectorHandle>(module, "FaceDetector")
      .def(py::init<std::shared_ptr<FaceNetworks>, double, const std::array<double, 3>&, double,
                    const std::string&>(),
           py::arg("networks").none(false), py::arg("min_face_size") = defaults.min_face_size,
           py::arg("thresholds") = defaults.thresholds, py::arg("factor") = defaults.factor,
           py::arg("backend") = "auto")
      .def("find", &DetectorHandle::find, py::arg("frame"))
      .def("look_again", &DetectorHandle::look_again, py::arg("frame"), py::arg("box"));

  module.def("suppress", suppress_boxes, py::arg("boxes"), py::arg("scores"), py::arg("threshold"),
             py::arg("relative_to") = "union");
}

}  // namespace rppg
