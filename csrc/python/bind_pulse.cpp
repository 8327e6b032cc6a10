// Windows, streams and their readings for Python: argument checks and release of the GIL, no
// arithmetic.
#include <pybind11/gil_safe_call_once.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "monitor/stream.hpp"
#include "python/arrays.hpp"
#include "python/bind.hpp"
#include "python/locked.hpp"
#include "python/status.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

// The members of rppg_fast.Status, in the order of Status.
const std::vector<py::object>& statuses() {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<std::vector<py::object>> members;
  return members
      .call_once_and_store_result([] {
        std::vector<py::object> found;
        for (const py::handle status : py::module_::import("rppg_fast.reading").attr("Status"))
          found.push_back(py::reinterpret_borrow<py::object>(status));
        return found;
      })
      .get_stored();
}

// Makes the named tuple of rppg_fast/reading.py. It is filled directly, because its constructor, or
// a conversion from another tuple, takes a microsecond for every frame.
class ReadingType {
 public:
  py::object make(double time, const Reading& reading) const {
    constexpr py::ssize_t kFields = 10;
    auto* const type = reinterpret_cast<PyTypeObject*>(type_.ptr());
    auto record = py::reinterpret_steal<py::object>(type->tp_alloc(type, kFields));
    if (!record) throw py::error_already_set();
    const auto known = [](double value) -> py::object {
      return std::isnan(value) ? py::object(py::none()) : py::float_(value);
    };
    py::object fields[kFields] = {py::float_(time),
                                  status_object(reading.status),
                                  known(reading.heart_rate),
                                  known(reading.snr_db),
                                  known(reading.confidence),
                                  py::float_(reading.start),
                                  py::float_(reading.end),
                                  py::float_(reading.coverage),
                                  known(reading.candidate),
                                  std::isnan(reading.candidate)
                                      ? py::object(py::none())
                                      : methods_[static_cast<std::size_t>(reading.source)]};
    for (py::ssize_t i = 0; i < kFields; ++i)
      PyTuple_SET_ITEM(record.ptr(), i, fields[i].release().ptr());
    return record;
  }

  static const ReadingType& get() {
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<ReadingType> type;
    return type.call_once_and_store_result([] { return ReadingType(); }).get_stored();
  }

 private:
  ReadingType() {
    const auto module = py::module_::import("rppg_fast.reading");
    type_ = module.attr("Reading");
    for (const char* name : kMethodNames) methods_.push_back(py::str(name));
  }

  py::object type_;
  std::vector<py::object> methods_;
};

void check_count(const PulseWindow& window, std::size_t count) {
  if (count > window.size())
    throw py::value_error("the window holds " + std::to_string(window.size()) +
                          " samples, fewer than " + std::to_string(count));
}

Doubles newest(PulseWindow& window, std::size_t count, bool filtered) {
  check_count(window, count);
  Doubles out(static_cast<py::ssize_t>(count));
  if (filtered)
    window.copy_live(count, out.mutable_data());
  else
    window.copy_unfiltered(count, out.mutable_data());
  return out;
}

py::array_t<bool> missing(const PulseWindow& window, std::size_t count) {
  check_count(window, count);
  py::array_t<bool> out(static_cast<py::ssize_t>(count));
  window.copy_missing(count, reinterpret_cast<unsigned char*>(out.mutable_data()));
  return out;
}

class StreamHandle {
 public:
  StreamHandle(std::shared_ptr<const Network> network, const PulseOptions& options)
      : stream_(std::move(network), options) {}

  py::object push(const py::object& frame, const py::object& box, double time,
                  const std::string& color, int turned) {
    const FrameView view = view_frame(frame, color);
    const Box crop = parse_box(box);
    const BusyMark mark(busy_, "stream");
    const Reading reading = [&] {
      py::gil_scoped_release release;
      return stream_.push(view, crop, time, turned);
    }();
    return make_reading(time, reading);
  }

  void rebox(const py::object& frame, const py::object& box, const std::string& color, int turned) {
    const FrameView view = view_frame(frame, color);
    const Box crop = parse_box(box);
    const BusyMark mark(busy_, "stream");
    py::gil_scoped_release release;
    stream_.rebox(view, crop, turned);
  }

  void reset() {
    const BusyMark mark(busy_, "stream");
    stream_.reset();
  }

  Doubles signals() {
    const BusyMark mark(busy_, "stream");
    return Doubles(py::ssize_t{kSignals}, stream_.signals());
  }

  template <typename Use>
  auto with_pulse(Use&& use) {
    const BusyMark mark(busy_, "stream");
    return use(stream_.pulse());
  }

 private:
  Stream stream_;
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

py::list candidates(PulseWindow& window) {
  py::list out;
  for (const PulseWindow::Candidate& one : window.candidates())
    out.append(
        py::make_tuple(one.frequency, one.snr_db, name_of(one.source), one.highest, one.confidence,
                       Doubles(py::ssize_t{PeakFeatures::kCount}, one.features.items.data())));
  return out;
}

// Methods of a window, whether it stands alone or is part of a stream.
template <typename Class>
void add_pulse_window(Class& python_class) {
  using Self = typename Class::type;
  const auto ask = [](const py::object& self, auto&& use) {
    if constexpr (std::is_same_v<Self, PulseWindow>) {
      const py::scoped_critical_section lock(self);
      return use(self.cast<PulseWindow&>());
    } else {
      return self.cast<Self&>().with_pulse(use);
    }
  };
  python_class.def("candidates", [ask](const py::object& self) { return ask(self, candidates); })
      .def("filtered",
           [ask](const py::object& self) {
             return ask(self, [](PulseWindow& w) {
               Doubles out(static_cast<py::ssize_t>(w.size()));
               w.filter(out.mutable_data());
               return out;
             });
           })
      .def(
          "newest",
          [ask](const py::object& self, std::size_t count, bool filtered) {
            return ask(self, [=](PulseWindow& w) { return newest(w, count, filtered); });
          },
          py::arg("count"), py::arg("filtered") = true)
      .def(
          "missing",
          [ask](const py::object& self, std::size_t count) {
            return ask(self, [=](PulseWindow& w) { return missing(w, count); });
          },
          py::arg("count"))
      .def_property_readonly("size",
                             [ask](const py::object& self) {
                               return ask(self, [](PulseWindow& w) { return w.size(); });
                             })
      .def_property_readonly("total",
                             [ask](const py::object& self) {
                               return ask(self, [](PulseWindow& w) { return w.total(); });
                             })
      .def_property_readonly("start", [ask](const py::object& self) {
        return ask(self, [](PulseWindow& w) { return w.start(); });
      });
}

// Adds rows of samples to a window.
void push_samples(PulseWindow& window, const Doubles& samples, bool missing, bool too_slow) {
  if (samples.ndim() != 2 || samples.shape(1) != kSignals)
    throw py::value_error("samples must have shape (samples, " + std::to_string(kSignals) +
                          "), got " + describe(samples));
  for (py::ssize_t i = 0; i < samples.shape(0); ++i)
    window.push(samples.data(i, 0), missing, too_slow);
}

// The weights as the engine keeps them; none is for those of this build.
std::shared_ptr<const TemporalWeights> temporal_weights_of(
    const std::optional<TemporalWeights>& weights) {
  return weights ? std::make_shared<const TemporalWeights>(*weights) : nullptr;
}

Doubles temporal_pulse(const py::object& object, const std::optional<TemporalWeights>& weights,
                       const std::string& backend) {
  const Doubles cells = as_real(object, "cells");
  if (cells.ndim() != 2 || cells.shape(1) != kCellSignals)
    throw py::value_error("cells must have shape (cells, " + std::to_string(kCellSignals) +
                          "), got " + describe(cells));
  const auto count = static_cast<std::size_t>(cells.shape(0));
  TemporalNetwork network(select_kernels(backend.c_str()), temporal_weights_of(weights), count);
  for (std::size_t i = 0; i < count; ++i)
    std::transform(cells.data(static_cast<py::ssize_t>(i), 0),
                   cells.data(static_cast<py::ssize_t>(i), 0) + kCellSignals, network.cell(i),
                   [](double value) { return static_cast<float>(value); });
  std::vector<float> pulse(count);
  if (count > 0) network.run(count, pulse.data());
  Doubles out(cells.shape(0));
  std::copy(pulse.begin(), pulse.end(), out.mutable_data());
  return out;
}

}  // namespace

py::object status_object(Status status) { return statuses()[static_cast<std::size_t>(status)]; }

bool is_status(py::handle object, Status& status) {
  const auto& members = statuses();
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const py::object& member) { return member.is(object); });
  if (found == members.end()) return false;
  status = static_cast<Status>(found - members.begin());
  return true;
}

py::object make_reading(double time, const Reading& reading) {
  return ReadingType::get().make(time, reading);
}

void bind_pulse(py::module_& module) {
  module.def("temporal_pulse", &temporal_pulse, py::arg("cells"), py::arg("weights") = py::none(),
             py::arg("backend") = "auto");
  // The number of features of a peak, and the indices of those that Python uses by name.
  const std::pair<const char*, PeakFeatures::Item> items[] = {
      {"PEAK_FEATURES", PeakFeatures::kCount},
      {"PEAK_SNR", PeakFeatures::snr},
      {"PEAK_HEIGHT", PeakFeatures::height},
      {"PEAK_COVERAGE", PeakFeatures::coverage},
      {"PEAK_CHROM_HEIGHT", PeakFeatures::chrom_height},
      {"PEAK_POS_HEIGHT", PeakFeatures::pos_height},
      {"PEAK_TEMPORAL_SNR", PeakFeatures::temporal_snr},
  };
  for (const auto& [name, item] : items) module.attr(name) = py::int_(static_cast<int>(item));
  const PulseOptions defaults;
  py::class_<PulseOptions>(module, "PulseOptions")
      .def(py::init([](double rate, double low, double high, int order, double window,
                       double min_window, double min_confidence, int peaks, double max_gap,
                       const std::string& method) {
             return PulseOptions{rate,           low,
                                 high,           order,
                                 window,         min_window,
                                 min_confidence, peaks,
                                 max_gap,        method_named(method)};
           }),
           py::kw_only(), py::arg("rate") = defaults.rate, py::arg("low") = defaults.low,
           py::arg("high") = defaults.high, py::arg("order") = defaults.order,
           py::arg("window") = defaults.window, py::arg("min_window") = defaults.min_window,
           py::arg("min_confidence") = defaults.min_confidence, py::arg("peaks") = defaults.peaks,
           py::arg("max_gap") = defaults.max_gap, py::arg("method") = name_of(defaults.method))
      .def_readonly("rate", &PulseOptions::rate)
      .def_readonly("low", &PulseOptions::low)
      .def_readonly("high", &PulseOptions::high)
      .def_readonly("order", &PulseOptions::order)
      .def_readonly("window", &PulseOptions::window)
      .def_readonly("min_confidence", &PulseOptions::min_confidence)
      .def_readonly("peaks", &PulseOptions::peaks)
      .def_readonly("max_gap", &PulseOptions::max_gap)
      .def_readonly("min_window", &PulseOptions::min_window)
      .def_property_readonly("method",
                             [](const PulseOptions& options) { return name_of(options.method); });

  py::class_<PulseWindow> window(module, "PulseWindow");
  window
      .def(py::init([](const PulseOptions& options, const std::string& backend,
                       const std::optional<TemporalWeights>& temporal) {
             return PulseWindow(options, select_kernels(backend.c_str()),
                                temporal_weights_of(temporal));
           }),
           py::arg("options"), py::arg("backend") = "auto", py::arg("temporal") = py::none())
      .def("restart", locked(&PulseWindow::restart), py::arg("start"), py::arg("after_gap"))
      .def("push", locked(push_samples), py::arg("samples"), py::arg("missing") = false,
           py::arg("too_slow") = false)
      .def_property_readonly("capacity", &PulseWindow::capacity)
      .def_property_readonly("temporal_pulse", locked([](const PulseWindow& self) {
                               const auto& pulse = self.temporal_pulse();
                               return Doubles(static_cast<py::ssize_t>(pulse.size()), pulse.data());
                             }))
      .def("is_too_slow", &PulseWindow::is_too_slow, py::arg("frame_rate"))
      .def("read",
           locked([](PulseWindow& self, double time) { return make_reading(time, self.read()); }),
           py::arg("time"));
  add_pulse_window(window);

  py::class_<StreamHandle> stream(module, "Stream");
  stream
      .def(py::init([](std::shared_ptr<Network> network, const PulseOptions& options) {
             return std::make_unique<StreamHandle>(std::move(network), options);
           }),
           py::arg("network").none(false), py::arg("options"))
      .def("push", &StreamHandle::push, py::arg("frame"), py::arg("box"), py::arg("time"),
           py::arg("color") = "bgr", py::arg("turned") = 0)
      .def("rebox", &StreamHandle::rebox, py::arg("frame"), py::arg("box"),
           py::arg("color") = "bgr", py::arg("turned") = 0)
      .def("reset", &StreamHandle::reset)
      .def_property_readonly("signals", &StreamHandle::signals);
  add_pulse_window(stream);
}

}  // namespace rppg
