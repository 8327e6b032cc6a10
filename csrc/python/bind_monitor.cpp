// The monitor for Python: checks arguments and releases the GIL. It does no arithmetic.
#include <pybind11/gil_safe_call_once.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "monitor/monitor.hpp"
#include "monitor/recording.hpp"
#include "monitor/stream.hpp"
#include "python/arrays.hpp"
#include "python/bind.hpp"
#include "python/locked.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

// The class rppg_fast.reading.Box.
const py::object& box_type() {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> type;
  return type
      .call_once_and_store_result(
          [] { return py::module_::import("rppg_fast.reading").attr("Box"); })
      .get_stored();
}

// The view of a frame. For a wrong frame rppg_fast.face.check_frame raises its error, which is more
// detailed.
FrameView checked_view(const py::object& frame, const std::string& color) {
  try {
    return view_frame(frame, color);
  } catch (const py::builtin_exception&) {
    py::module_::import("rppg_fast.face").attr("check_frame")(frame);
    throw;
  }
}

Monitor::MakeStream stream_maker(std::shared_ptr<const Network> network,
                                 const PulseOptions& pulse) {
  return [network = std::move(network), pulse] { return std::make_unique<Stream>(network, pulse); };
}

// The state of a face after the newest frame, as Python sees it.
struct ShownFace {
  std::int64_t id;
  Box sides;
  int turned;
  py::object box;
};

class MonitorHandle {
 public:
  MonitorHandle(std::shared_ptr<const Network> network, const PulseOptions& pulse,
                std::shared_ptr<Detector> detector, const MonitorOptions& options,
                std::string color)
      : detector_(std::move(detector)),
        monitor_(pulse, stream_maker(std::move(network), pulse), detector_, options),
        color_(std::move(color)) {}

  MonitorHandle(std::shared_ptr<const Network> network, const PulseOptions& pulse,
                const py::object& box, std::string color)
      : monitor_(pulse, stream_maker(std::move(network), pulse), parse_box(box)),
        color_(std::move(color)) {
    show_faces();
  }

  py::object push(const py::object& frame, double time) {
    push_frame(frame, time);
    return make_reading(time, monitor_.reading());
  }

  py::dict push_all(const py::object& frame, double time) {
    push_frame(frame, time);
    py::dict readings;
    for (const MonitoredFace& face : monitor_.faces())
      readings[py::int_(face.id)] = make_reading(time, face.reading);
    return readings;
  }

  void rebox(const py::object& frame, const py::object& box, int turned) {
    const FrameView view = view_frame(frame, color_);
    const Box sides = parse_box(box);
    const BusyMark mark(busy_, "stream");
    {
      const py::gil_scoped_release release;
      monitor_.rebox(view, sides, turned);
    }
    show_faces();
  }

  void reset() {
    const BusyMark mark(busy_, "stream");
    monitor_.reset();
    show_faces();
  }

  // The state after the newest frame. Any thread may ask for it, so BusyMark is not needed.
  std::vector<std::int64_t> faces() const {
    const std::lock_guard<std::mutex> lock(showing_);
    std::vector<std::int64_t> ids;
    for (const ShownFace& face : shown_) ids.push_back(face.id);
    return ids;
  }
  py::object box(const std::optional<std::int64_t>& id) const {
    const std::lock_guard<std::mutex> lock(showing_);
    const ShownFace* const face = shown(id);
    return face ? face->box : py::object(py::none());
  }
  int turned(const std::optional<std::int64_t>& id) const {
    const std::lock_guard<std::mutex> lock(showing_);
    const ShownFace* const face = shown(id);
    return face ? face->turned : 0;
  }
  std::int64_t face() const { return last_id_; }
  double time() const { return time_; }

  // Whether a face is there or was there a moment ago.
  bool has_window(std::int64_t id) {
    const BusyMark mark(busy_, "stream");
    return monitor_.find(id) != nullptr;
  }

  Doubles signals() {
    const BusyMark mark(busy_, "stream");
    return Doubles(py::ssize_t{kSignals}, monitor_.only().stream->signals());
  }

  // Times and values of the samples from index `since` on that are in the window, which of them are
  // missing, and the index of the next sample. None where the face has no window.
  py::object samples(std::uint64_t since, bool filtered, const std::optional<std::int64_t>& id) {
    const BusyMark mark(busy_, "stream");
    const MonitoredFace* const face = id ? monitor_.find(*id) : &monitor_.only();
    if (!face) return py::none();
    const auto count = face->samples_since(since);
    PulseWindow& window = face->stream->pulse();
    const auto length = static_cast<py::ssize_t>(count);
    Doubles times(length), values(length);
    py::array_t<bool> missing(length);
    double* const at = times.mutable_data();
    for (std::size_t i = 0; i < count; ++i) at[i] = window.sample_time(window.total() - count + i);
    if (filtered)
      window.copy_live(count, values.mutable_data());
    else
      window.copy_unfiltered(count, values.mutable_data());
    window.copy_missing(count, reinterpret_cast<unsigned char*>(missing.mutable_data()));
    return py::make_tuple(times, values, missing, face->samples());
  }

  bool record(const py::object& recording, const std::optional<std::int64_t>& id) {
    const BusyMark mark(busy_, "stream");
    const py::scoped_critical_section lock(recording);
    return recording.cast<Recording&>().take(monitor_, id);
  }

 private:
  // Updates the state that Python sees at the end of a push, also after an error.
  class Shower {
   public:
    explicit Shower(MonitorHandle& handle) : handle_(handle) {}
    ~Shower() {
      try {
        handle_.show_faces();
      } catch (py::error_already_set& error) {
        error.discard_as_unraisable("rppg_fast.reading.Box");
      }
    }
    Shower(const Shower&) = delete;

   private:
    MonitorHandle& handle_;
  };

  void push_frame(const py::object& frame, double time) {
    const FrameView view = checked_view(frame, color_);
    const BusyMark mark(busy_, "stream");
    std::optional<ShownFrame> shown_frame;
    if (detector_) shown_frame.emplace(*detector_, frame);
    {
      const Shower shower(*this);
      const py::gil_scoped_release release;
      monitor_.push(view, time);
    }
    if (const std::optional<double> step = monitor_.suspicious_step()) warn(*step);
  }

  void warn(double step) const {
    char text[400];
    std::snprintf(text, sizeof text,
                  "%d times a frame came more than %g s after the one before it, the last time %g "
                  "s: no heart rate can be read. Times are in seconds; divide milliseconds by 1000",
                  kSuspiciousSteps, monitor_.max_gap(), step);
    constexpr py::ssize_t kCallerOfPush = 2;
    if (PyErr_WarnEx(PyExc_RuntimeWarning, text, kCallerOfPush) != 0) throw py::error_already_set();
  }

  void show_faces() {
    const std::vector<MonitoredFace>& faces = monitor_.faces();
    next_ = shown_;  // only this function changes it
    next_.resize(faces.size());
    for (std::size_t i = 0; i < faces.size(); ++i) {
      const Box& box = faces[i].box;
      if (!next_[i].box || !(next_[i].sides == box))
        next_[i].box = box_type()(box.x0, box.y0, box.x1, box.y1);
      next_[i].id = faces[i].id;
      next_[i].sides = box;
      next_[i].turned = faces[i].turned;
    }
    {
      const std::lock_guard<std::mutex> lock(showing_);
      shown_.swap(next_);
    }
    if (!monitor_.several()) last_id_ = monitor_.only().id;
    time_ = monitor_.time();
  }

  const ShownFace* shown(const std::optional<std::int64_t>& id) const {
    for (const ShownFace& face : shown_)
      if (!id || face.id == *id) return &face;
    return nullptr;
  }

  std::shared_ptr<Detector> detector_;
  Monitor monitor_;
  std::string color_;
  // What other threads read while a frame is pushed. Nothing that may wait for the GIL is done with
  // this lock.
  mutable std::mutex showing_;
  std::vector<ShownFace> shown_;
  std::vector<ShownFace> next_;  // of the thread that pushes
  std::atomic<std::int64_t> last_id_ = 0;
  std::atomic<double> time_ = -std::numeric_limits<double>::infinity();
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

py::object box_of(const Recording& recording) {
  const std::optional<Box>& box = recording.box();
  return box ? box_type()(box->x0, box->y0, box->x1, box->y1) : py::object(py::none());
}

py::tuple samples_of(const Recording& recording) {
  const auto length = static_cast<py::ssize_t>(recording.times().size());
  py::array_t<bool> missing(length);
  std::copy(recording.missing().begin(), recording.missing().end(), missing.mutable_data());
  return py::make_tuple(Doubles(length, recording.times().data()),
                        Doubles(length, recording.values().data()), missing);
}

void bind_recording(py::module_& module) {
  py::class_<Recording>(module, "Recording")
      .def(py::init<double, double, double>(), py::arg("step"), py::arg("max_gap"),
           py::arg("min_confidence"))
      .def("summary", locked([](const Recording& self) { return summary_tuple(self.summary()); }))
      .def("samples", locked(samples_of))
      .def_property_readonly("box", locked(box_of))
      .def_property_readonly("turned", locked(&Recording::turned));
}

}  // namespace

void bind_monitor(py::module_& module) {
  module.attr("BOX_SCALE") = kBoxScale;
  module.attr("PAPER_BOX_SCALE") = kPaperBoxScale;
  bind_recording(module);
  py::class_<MonitorHandle>(module, "Monitor")
      .def(py::init([](std::shared_ptr<Network> network, const PulseOptions& pulse,
                       std::shared_ptr<Detector> detector, double box_scale, bool follow,
                       bool several, int most, std::string color) {
             return std::make_unique<MonitorHandle>(
                 std::move(network), pulse, std::move(detector),
                 MonitorOptions{box_scale, follow, several, most}, std::move(color));
           }),
           py::arg("network").none(false), py::arg("pulse"), py::arg("detector").none(false),
           py::kw_only(), py::arg("box_scale"), py::arg("follow") = true,
           py::arg("several") = false, py::arg("most") = 1, py::arg("color") = "bgr")
      .def_static(
          "of_box",
          [](std::shared_ptr<Network> network, const PulseOptions& pulse, const py::object& box,
             std::string color) {
            return std::make_unique<MonitorHandle>(std::move(network), pulse, box,
                                                   std::move(color));
          },
          py::arg("network").none(false), py::arg("pulse"), py::arg("box"),
          py::arg("color") = "bgr")
      .def("push", &MonitorHandle::push, py::arg("frame"), py::arg("time"))
      .def("push_all", &MonitorHandle::push_all, py::arg("frame"), py::arg("time"))
      .def("rebox", &MonitorHandle::rebox, py::arg("frame"), py::arg("box"), py::arg("turned") = 0)
      .def("reset", &MonitorHandle::reset)
      .def("box", &MonitorHandle::box, py::arg("face") = py::none())
      .def("turned", &MonitorHandle::turned, py::arg("face") = py::none())
      .def("has_window", &MonitorHandle::has_window, py::arg("face"))
      .def("samples", &MonitorHandle::samples, py::arg("since") = 0, py::arg("filtered") = true,
           py::arg("face") = py::none())
      .def("record", &MonitorHandle::record, py::arg("recording"), py::arg("face") = py::none())
      .def_property_readonly("faces", &MonitorHandle::faces)
      .def_property_readonly("face", &MonitorHandle::face)
      .def_property_readonly("time", &MonitorHandle::time)
      .def_property_readonly("signals", &MonitorHandle::signals);
}

}  // namespace rppg
