// Face detection and tracking for Python: checks arguments and releases the GIL. It does no
// arithmetic.
#include <pybind11/native_enum.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <mutex>
#include <string_view>
#include <tuple>

#include "face/detector.hpp"
#include "face/mtcnn.hpp"
#include "face/tracker.hpp"
#include "python/bind.hpp"
#include "python/locked.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Edges64 = std::array<double, 4>;              // x0, y0, x1, y1
using Probable = std::tuple<Edges64, double, int>;  // edges, probability, rotation in degrees

Face face_of(const Edges64& box, int turned = 0) {
  return {box[0], box[1], box[2], box[3], 1.0, {}, turned};
}

Face face_of(const Probable& face) {
  const auto& [box, probability, turned] = face;
  check_turned(turned);
  return {box[0], box[1], box[2], box[3], probability, {}, turned};
}

py::tuple without_landmarks(const Face& face) {
  return py::make_tuple(face.x0, face.y0, face.x1, face.y1, face.probability, py::tuple(),
                        face.turned);
}

py::tuple as_tuple(const Box& box) { return py::make_tuple(box.x0, box.y0, box.x1, box.y1); }

std::vector<Face> faces_of(const std::vector<Probable>& given) {
  std::vector<Face> faces;
  for (const Probable& face : given) faces.push_back(face_of(face));
  return faces;
}

py::tuple as_tuple(const Face& face) {
  py::list points;
  for (const Point& point : face.landmarks) points.append(py::make_tuple(point.x, point.y));
  return py::make_tuple(face.x0, face.y0, face.x1, face.y1, face.probability, py::tuple(points),
                        face.turned);
}

class DetectorHandle {
 public:
  DetectorHandle(std::shared_ptr<FaceNetworks> networks, double min_face_size,
                 const std::array<double, 3>& thresholds, double factor, const std::string& backend)
      : detector_(std::move(networks), {min_face_size, thresholds, factor},
                  select_kernels(backend.c_str())) {}

  // The result of `use` for a frame. The GIL is released meanwhile.
  template <typename Use>
  auto ask(const py::object& frame, Use&& use) {
    const FrameView view = view_frame(frame);
    const BusyMark mark(busy_, "detector");
    py::gil_scoped_release release;
    return use(view);
  }

  // The result of `use` for a caller that does not hold the GIL.
  template <typename Use>
  auto use(Use&& use) {
    const BusyMark mark(busy_, "detector");
    return use(detector_);
  }

  py::list find(const py::object& frame) {
    return list_of(ask(frame, [&](const FrameView& view) { return detector_.find(view); }));
  }

  py::list locate(const py::object& frame, int step, int turned) {
    check_turned(turned);
    return list_of(ask(frame, [&](const FrameView& view) {
      return detector_.search(view, std::max(step, 1), turned);
    }));
  }

  py::object redetect(const py::object& frame, const Edges64& box, int turned) {
    return seen(frame, box, turned, &FaceDetector::redetect);
  }

  py::object check(const py::object& frame, const Edges64& box, int turned) {
    return seen(frame, box, turned, &FaceDetector::check);
  }

  py::object compare(const py::object& frame, const Edges64& box, int turned) {
    check_turned(turned);
    const std::optional<Face> found = ask(frame, [&](const FrameView& view) {
      return detector_.compare(view, face_of(box, turned));
    });
    return found ? py::object(as_tuple(*found)) : py::none();
  }

 private:
  static py::list list_of(const std::vector<Face>& faces) {
    py::list out;
    for (const Face& face : faces) out.append(as_tuple(face));
    return out;
  }

  py::object seen(const py::object& frame, const Edges64& box, int turned,
                  std::optional<Sight> (FaceDetector::*look)(const FrameView&, const Face&)) {
    check_turned(turned);
    const std::optional<Sight> found = ask(frame, [&](const FrameView& view) {
      return (detector_.*look)(view, face_of(box, turned));
    });
    if (!found) return py::none();
    return py::make_tuple(as_tuple(found->face), found->by_cascade);
  }

  FaceDetector detector_;
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

// The native detector of a Python MTCNN object. It is made at the first use.
class MtcnnDetector final : public Detector {
 public:
  explicit MtcnnDetector(py::function make) : make_(std::move(make)) {}

  bool searches_by_rotation() const override { return true; }
  std::vector<Face> search(const FrameView& frame, int step, int turned) override {
    return native().use([&](FaceDetector& mtcnn) { return mtcnn.search(frame, step, turned); });
  }
  std::optional<Sight> redetect(const FrameView& frame, const Face& face) override {
    return native().use([&](FaceDetector& mtcnn) { return mtcnn.redetect(frame, face); });
  }
  std::optional<Sight> check(const FrameView& frame, const Face& face) override {
    return native().use([&](FaceDetector& mtcnn) { return mtcnn.check(frame, face); });
  }
  std::optional<Face> compare(const FrameView& frame, const Face& face) override {
    return native().use([&](FaceDetector& mtcnn) { return mtcnn.compare(frame, face); });
  }

 private:
  DetectorHandle& native() {
    // Callers do not hold the GIL, so that waiting for it here cannot block another one.
    const std::lock_guard<std::mutex> lock(making_);
    if (!native_) {
      const py::gil_scoped_acquire acquire;
      native_ = make_().cast<std::shared_ptr<DetectorHandle>>();
    }
    return *native_;
  }

  py::function make_;
  std::mutex making_;
  std::shared_ptr<DetectorHandle> native_;
};

// A detector that calls a Python function, which maps a frame to its faces.
class PythonDetector final : public WholeFrameDetector {
 public:
  explicit PythonDetector(py::function find) : find_(std::move(find)) {}

  // Makes a frame the one in which faces are found, until `hide`.
  void show(const py::object& frame) {
    mark_busy(shown_, "detector");
    frame_ = frame;
  }
  void hide() {
    frame_ = py::none();
    shown_.clear(std::memory_order_release);
  }

 protected:
  std::vector<Face> find_all(const FrameView&) override {
    const py::gil_scoped_acquire acquire;
    return faces_of(find_(frame_).cast<std::vector<Probable>>());
  }

 private:
  py::function find_;
  py::object frame_ = py::none();
  std::atomic_flag shown_ = ATOMIC_FLAG_INIT;
};

// The output of a network for a picture of its size.
Floats forward(const FaceNetworks& networks, const std::string& name, const py::object& frame,
               const std::string& backend) {
  const FaceNetwork& network = name == "pnet"   ? networks.pnet
                               : name == "rnet" ? networks.rnet
                                                : networks.onet;
  const FrameView view = view_frame(frame);
  const Box whole{0, 0, view.width, view.height};
  const Kernels& kernels = select_kernels(backend.c_str());
  IntegralImage image(kernels);
  image.fill(view, {whole, 1});
  FaceForward pass(network, kernels);
  if (network.side != 0) {
    const float* const outputs = pass.look(image, {whole});
    return Floats({1, 1, network.outputs}, outputs);
  }
  pass.begin(image, whole, view.height, view.width);
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
  return non_max_suppression(edges, {scores.data(), scores.data() + scores.size()}, threshold,
                             relative_to == "union" ? Overlap::of_union : Overlap::of_smaller);
}

py::list tracks_of(const FaceTracker& tracker) {
  py::list out;
  for (const Track& track : tracker.tracks())
    out.append(py::make_tuple(track.id, as_tuple(track.box), without_landmarks(track.anchor),
                              without_landmarks(track.face), track.seen,
                              track.transition.has_value()));
  return out;
}

// A tracker that only one thread at a time may use. An update does not hold the GIL.
class TrackerHandle : public FaceTracker {
 public:
  using FaceTracker::FaceTracker;
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
};

class TrackerMark {
 public:
  explicit TrackerMark(const py::object& self)
      : mark_(self.cast<TrackerHandle&>().busy, "tracker") {}

 private:
  BusyMark mark_;
};

// A method of the tracker for pybind11; an error if another thread uses the tracker.
template <typename Method>
auto exclusive(Method method) {
  return locked<TrackerMark>(method);
}

void update_tracker(FaceTracker& tracker, Detector& detector, const py::object& frame,
                    double time) {
  const FrameView view = view_frame(frame);
  const ShownFrame shown(detector, frame);
  const py::gil_scoped_release release;
  tracker.update(detector, view, time);
}

void bind_tracker(py::module_& module) {
  py::class_<Detector, std::shared_ptr<Detector>>(module, "Detector");
  py::class_<MtcnnDetector, Detector, std::shared_ptr<MtcnnDetector>>(module, "MtcnnDetector")
      .def(py::init<py::function>(), py::arg("make"));
  py::class_<PythonDetector, Detector, std::shared_ptr<PythonDetector>>(module, "PythonDetector")
      .def(py::init<py::function>(), py::arg("find"));

  py::class_<FaceTracker>(py::handle(), "FaceTrackerBase");  // of no module
  py::class_<TrackerHandle, FaceTracker> tracker(module, "FaceTracker");
  py::native_enum<FaceTracker::Task>(tracker, "Task", "enum.Enum")
      .value("NONE", FaceTracker::Task::none)
      .value("REDETECT", FaceTracker::Task::redetect)
      .value("CHECK", FaceTracker::Task::check)
      .value("SEARCH", FaceTracker::Task::search)
      .value("COMPARE", FaceTracker::Task::compare)
      .finalize();
  tracker
      .def(py::init<double, int, bool, bool>(), py::arg("box_scale"), py::arg("most"),
           py::arg("follow"), py::arg("by_rotation"))
      .def("reset", exclusive(&FaceTracker::reset))
      .def("restart", exclusive(&FaceTracker::restart), py::arg("time"))
      .def("update", exclusive(update_tracker), py::arg("detector"), py::arg("frame"),
           py::arg("time"))
      .def("next_task", exclusive(&FaceTracker::next_task), py::arg("width"), py::arg("height"),
           py::arg("time"))
      .def("update_target",
           exclusive([](FaceTracker& self, const std::optional<Probable>& face, bool by_cascade) {
             self.update_target(face ? std::optional<Sight>({face_of(*face), by_cascade})
                                     : std::nullopt);
           }),
           py::arg("face"), py::arg("by_cascade"))
      .def("update_comparison",
           exclusive([](FaceTracker& self, const std::optional<Probable>& face) {
             self.update_comparison(face ? std::optional<Face>(face_of(*face)) : std::nullopt);
           }),
           py::arg("face"))
      .def("update_detections",
           exclusive([](FaceTracker& self, const std::vector<Probable>& faces) {
             self.update_detections(faces_of(faces));
           }),
           py::arg("faces"))
      .def("pass_over", exclusive(&FaceTracker::pass_over), py::arg("id"))
      .def_property_readonly("target", exclusive([](const FaceTracker& self) {
                               return without_landmarks(self.target());
                             }))
      .def_property_readonly("tracks", exclusive(tracks_of))
      .def_property_readonly("due", exclusive(&FaceTracker::due))
      .def_property_readonly("search_step", exclusive(&FaceTracker::search_step))
      .def_property_readonly("search_turned", exclusive(&FaceTracker::search_turned));
}

}  // namespace

void show_frame(Detector& detector, const py::object& frame) {
  if (auto* const python = dynamic_cast<PythonDetector*>(&detector)) python->show(frame);
}

void hide_frame(Detector& detector) {
  if (auto* const python = dynamic_cast<PythonDetector*>(&detector)) python->hide();
}

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
  py::class_<DetectorHandle, std::shared_ptr<DetectorHandle>>(module, "FaceDetector")
      .def(py::init<std::shared_ptr<FaceNetworks>, double, const std::array<double, 3>&, double,
                    const std::string&>(),
           py::arg("networks").none(false), py::arg("min_face_size") = defaults.min_face_size,
           py::arg("thresholds") = defaults.thresholds, py::arg("factor") = defaults.factor,
           py::arg("backend") = "auto")
      .def("find", &DetectorHandle::find, py::arg("frame"))
      .def("locate", &DetectorHandle::locate, py::arg("frame"), py::arg("step") = 1,
           py::arg("turned") = 0)
      .def("redetect", &DetectorHandle::redetect, py::arg("frame"), py::arg("box"),
           py::arg("turned") = 0)
      .def("check", &DetectorHandle::check, py::arg("frame"), py::arg("box"), py::arg("turned") = 0)
      .def("compare", &DetectorHandle::compare, py::arg("frame"), py::arg("box"),
           py::arg("turned") = 0);

  module.def("non_max_suppression", suppress_boxes, py::arg("boxes"), py::arg("scores"),
             py::arg("threshold"), py::arg("relative_to") = "union");
  module.def(
      "face_box",
      [](const Edges64& face, int width, int height, double scale) {
        return as_tuple(face_box(face_of(face), width, height, scale));
      },
      py::arg("face"), py::arg("width"), py::arg("height"), py::arg("scale"));
  module.def(
      "nearest_face",
      [](const std::vector<Edges64>& faces, const Edges64& face) {
        std::vector<Face> all;
        for (const Edges64& each : faces) all.push_back(face_of(each));
        return nearest_face(all, face_of(face));
      },
      py::arg("faces"), py::arg("face"));

  bind_tracker(module);
  module.attr("LOOK_INTERVAL") = kLookInterval;
  module.attr("DEAD_ZONE") = kDeadZone;
}

}  // namespace rppg
