// The Python module: argument checks, release of the GIL, no arithmetic.
// Signatures and documentation for users stand in rppg_fast/_core.pyi.
#include "bindings.hpp"

#include <pybind11/gil_safe_call_once.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "recording.hpp"
#include "stream.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

using Floats = py::array_t<float, kContiguous>;

py::array require_array(const py::object& value, const char* name, const char* wanted) {
  if (!py::isinstance<py::array>(value))
    throw py::type_error(std::string(name) + " must be " + wanted + ", got " + describe(value));
  return py::reinterpret_borrow<py::array>(value);
}

}  // namespace

std::string describe(const py::handle& value) {
  if (!py::isinstance<py::array>(value))
    return py::str(py::type::of(value).attr("__name__")).cast<std::string>();
  return py::str(py::str("{} {}").format(value.attr("dtype"), value.attr("shape")));
}

Doubles as_real(const py::object& object, const char* name) {
  const auto array = py::array::ensure(object);
  if (!array || std::string_view("biuf").find(array.dtype().kind()) == std::string_view::npos) {
    PyErr_Clear();  // of a list of lists of different lengths
    throw py::type_error(std::string(name) + " must be real numbers, got " +
                         describe(array ? static_cast<py::object>(array) : object));
  }
  return Doubles::ensure(array);
}

ColourOrder parse_order(const std::string& color) {
  if (color == "bgr") return ColourOrder::bgr;
  if (color == "rgb") return ColourOrder::rgb;
  throw py::value_error("color must be 'bgr' or 'rgb', got '" + color + "'");
}

MotionKind parse_kind(const std::string& kind) {
  if (kind == "normalized") return MotionKind::normalized;
  if (kind == "difference") return MotionKind::difference;
  throw py::value_error("kind must be 'normalized' or 'difference', got '" + kind + "'");
}

void check_frame_size(std::int64_t height, std::int64_t width) {
  if (height == 0 || width == 0) throw py::value_error("frame must not be empty");
  if (std::max(height, width) > kLongestSide)
    throw py::value_error("frame must not be longer than " + std::to_string(kLongestSide) +
                          " pixels, got " + std::to_string(width) + "x" + std::to_string(height));
}

FrameView view_frame(const py::object& object, ColourOrder order) {
  constexpr const char* kWanted = "a uint8 array of shape (height, width, 3)";
  const py::array frame = require_array(object, "frame", kWanted);
  if (frame.dtype().num() != py::detail::npy_api::NPY_UBYTE_ || frame.ndim() != 3 ||
      frame.shape(2) != kColours || frame.size() == 0)
    throw py::value_error(std::string("frame must be ") + kWanted + ", got " + describe(frame));
  check_frame_size(frame.shape(0), frame.shape(1));
  return {static_cast<const std::uint8_t*>(frame.data()),
          static_cast<int>(frame.shape(0)),
          static_cast<int>(frame.shape(1)),
          frame.strides(0),
          frame.strides(1),
          frame.strides(2),
          order};
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

namespace {

Floats as_floats(const py::object& object, const char* name) {
  const py::array array = require_array(object, name, "a float32 array");
  if (!py::isinstance<py::array_t<float>>(array))
    throw py::value_error(std::string(name) + " must be a float32 array, got " + describe(array));
  // NumPy takes its time to find out that nothing need be copied.
  if (Floats::check_(array)) return py::reinterpret_borrow<Floats>(array);
  return Floats::ensure(array);
}

// Real numbers of one dimension, converted to float64.
Doubles as_doubles(const py::object& object, const char* name) {
  const Doubles array = as_real(object, name);
  if (array.ndim() != 1)
    throw py::value_error(std::string(name) + " must have one dimension, got " + describe(array));
  return array;
}

py::array_t<float> appearance(const py::object& frame, const py::object& box,
                              const std::string& color, const std::string& backend) {
  const Kernels& kernels = select_kernels(backend.c_str());
  const FrameView view = view_frame(frame, parse_order(color));
  const Box crop = box.is_none() ? Box{0, 0, view.width, view.height} : parse_box(box);
  check_box(crop, view);
  py::array_t<float> out({kColours, kSide, kSide});
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
  if (threads < 1)
    throw py::value_error("threads must be at least 1, got " + std::to_string(threads));
  const Floats input = as_floats(object, "motion");
  if (input.ndim() != 4 || input.shape(1) != kColours || input.shape(2) != kSide ||
      input.shape(3) != kSide)
    throw py::value_error("motion must have shape (N, 3, 36, 36), got " + describe(input));
  const py::ssize_t count = input.shape(0);
  py::array_t<float> out(count);
  const float* const frames = input.data();
  float* const changes = out.mutable_data();
  py::gil_scoped_release release;
  student.changes(frames, count, threads, changes);
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

// The named tuple of rppg_fast/reading.py, made once for every frame: by its constructor, or there
// out of another tuple, it takes a microsecond.
class ReadingType {
 public:
  py::object make(double time, const Reading& reading) const {
    constexpr py::ssize_t kFields = 7;
    auto* const type = reinterpret_cast<PyTypeObject*>(type_.ptr());
    auto record = py::reinterpret_steal<py::object>(type->tp_alloc(type, kFields));
    if (!record) throw py::error_already_set();
    const auto known = [](double value) -> py::object {
      return std::isnan(value) ? py::object(py::none()) : py::float_(value);
    };
    py::object fields[kFields] = {
        py::float_(time),          statuses_[static_cast<std::size_t>(reading.status)],
        known(reading.heart_rate), known(reading.snr_db),
        known(reading.confidence), py::float_(reading.start),
        py::float_(reading.end)};
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
    for (const py::handle status : module.attr("STATUSES"))
      statuses_.push_back(py::reinterpret_borrow<py::object>(status));
  }

  py::object type_;
  std::vector<py::object> statuses_;
};

Doubles newest(const PulseWindow& window, std::size_t count) {
  if (count > window.size())
    throw py::value_error("the window holds " + std::to_string(window.size()) +
                          " samples, fewer than " + std::to_string(count));
  Doubles out(static_cast<py::ssize_t>(count));
  window.copy_newest(count, out.mutable_data());
  return out;
}

class StreamHandle {
 public:
  StreamHandle(std::shared_ptr<const Student> student, const PulseOptions& options)
      : stream_(std::move(student), options) {}

  py::object push(const py::object& frame, const py::object& box, double time,
                  const std::string& color) {
    const FrameView view = view_frame(frame, parse_order(color));
    const Box crop = parse_box(box);
    const BusyMark mark(busy_, "stream");
    const Reading reading = [&] {
      py::gil_scoped_release release;
      return stream_.push(view, crop, time);
    }();
    return ReadingType::get().make(time, reading);
  }

  void rebox(const py::object& frame, const py::object& box, const std::string& color) {
    const FrameView view = view_frame(frame, parse_order(color));
    const Box crop = parse_box(box);
    const BusyMark mark(busy_, "stream");
    py::gil_scoped_release release;
    stream_.rebox(view, crop);
  }

  void reset() {
    const BusyMark mark(busy_, "stream");
    stream_.reset();
  }

  template <typename Use>
  auto with_pulse(Use&& use) const {
    const BusyMark mark(busy_, "stream");
    return use(stream_.pulse());
  }

 private:
  Stream stream_;
  mutable std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

// What a window tells, whether it stands alone or inside a stream.
template <typename Class>
void add_pulse_window(Class& python_class) {
  using Self = typename Class::type;
  const auto ask = [](const Self& self, auto&& use) {
    if constexpr (std::is_same_v<Self, PulseWindow>)
      return use(self);
    else
      return self.with_pulse(use);
  };
  python_class
      .def(
          "newest",
          [ask](const Self& self, std::size_t count) {
            return ask(self, [count](const PulseWindow& w) { return newest(w, count); });
          },
          py::arg("count"))
      .def_property_readonly("size",
                             [ask](const Self& self) {
                               return ask(self, [](const PulseWindow& w) { return w.size(); });
                             })
      .def_property_readonly("total",
                             [ask](const Self& self) {
                               return ask(self, [](const PulseWindow& w) { return w.total(); });
                             })
      .def_property_readonly("start", [ask](const Self& self) {
        return ask(self, [](const PulseWindow& w) { return w.start(); });
      });
}

py::tuple resample(Resampler& resampler, double time, const py::object& object) {
  const py::ssize_t channels = resampler.channels();
  const Doubles values = as_doubles(object, "values");
  if (values.shape(0) != channels)
    throw py::value_error("values must have shape (" + std::to_string(channels) + ",), got " +
                          describe(values));
  std::vector<double> samples;
  const auto step = resampler.push(time, values.data(), [&](const double* sample) {
    samples.insert(samples.end(), sample, sample + channels);
  });
  py::array_t<double> out({static_cast<py::ssize_t>(samples.size()) / channels, channels});
  std::copy(samples.begin(), samples.end(), out.mutable_data());
  return py::make_tuple(static_cast<int>(step), out);
}

py::tuple candidates(PulseWindow& window) {
  const std::vector<PulseWindow::Candidate> all = window.candidates();
  const auto count = static_cast<py::ssize_t>(all.size());
  Doubles rates(count), confidences(count), said({count, py::ssize_t{Testimony::kCount}});
  for (py::ssize_t i = 0; i < count; ++i) {
    const PulseWindow::Candidate& one = all[static_cast<std::size_t>(i)];
    rates.mutable_at(i) = one.peak.frequency;
    confidences.mutable_at(i) = one.confidence;
    std::copy(one.said.items.begin(), one.said.items.end(), said.mutable_data(i, 0));
  }
  return py::make_tuple(rates, confidences, said);
}

Doubles observe_appearance(const py::object& object) {
  const Floats seen = as_floats(object, "appearance");
  if (seen.ndim() != 3 || seen.shape(0) != kColours || seen.shape(1) != kSide ||
      seen.shape(2) != kSide)
    throw py::value_error("appearance must have shape (3, 36, 36), got " + describe(seen));
  Doubles out(py::ssize_t{kWitnesses});
  observe(seen.data(), out.mutable_data());
  return out;
}

void bind_kernels(py::module_& module) {
  module.def("appearance", appearance, py::arg("frame"), py::arg("box") = py::none(),
             py::arg("color") = "bgr", py::arg("backend") = "auto");
  module.def("motion", motion, py::arg("a"), py::arg("b"), py::arg("kind") = "normalized",
             py::arg("backend") = "auto");
  module.def("observe", observe_appearance, py::arg("appearance"));
  module.attr("WITNESSES") = kWitnesses;
  module.def("backends", [] {
    std::vector<std::string> names;
    for (const char* const* name = available_backends(); *name != nullptr; ++name)
      names.emplace_back(*name);
    return names;
  });
}

void bind_student(py::module_& module) {
  py::class_<Student, std::shared_ptr<Student>>(module, "Student")
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

void bind_pulse(py::module_& module) {
  py::register_exception<TimeError>(module, "TimeError", PyExc_ValueError);

  py::class_<Clock>(module, "Clock")
      .def(py::init<double>(), py::arg("max_gap"))
      .def(
          "push", [](Clock& clock, double time) { return static_cast<int>(clock.push(time)); },
          py::arg("time"))
      .def("reset", &Clock::reset);

  const PulseOptions defaults;
  py::class_<PulseOptions>(module, "PulseOptions")
      .def(py::init([](double rate, double low, double high, int order, double window,
                       double min_confidence, int peaks, double max_gap) {
             return PulseOptions{rate, low, high, order, window, min_confidence, peaks, max_gap};
           }),
           py::kw_only(), py::arg("rate") = defaults.rate, py::arg("low") = defaults.low,
           py::arg("high") = defaults.high, py::arg("order") = defaults.order,
           py::arg("window") = defaults.window, py::arg("min_confidence") = defaults.min_confidence,
           py::arg("peaks") = defaults.peaks, py::arg("max_gap") = defaults.max_gap)
      .def_readonly("rate", &PulseOptions::rate)
      .def_readonly("low", &PulseOptions::low)
      .def_readonly("high", &PulseOptions::high)
      .def_readonly("order", &PulseOptions::order)
      .def_readonly("window", &PulseOptions::window)
      .def_readonly("min_confidence", &PulseOptions::min_confidence)
      .def_readonly("peaks", &PulseOptions::peaks)
      .def_readonly("max_gap", &PulseOptions::max_gap);

  py::class_<BandPass>(module, "BandPass")
      .def(py::init<double, double, double, int>(), py::arg("low"), py::arg("high"), py::arg("fs"),
           py::arg("order") = 2)
      .def(
          "__call__",
          [](BandPass& filter, const py::object& object) {
            const Doubles samples = as_doubles(object, "samples");
            Doubles out(samples.shape(0));
            for (py::ssize_t i = 0; i < samples.shape(0); ++i)
              out.mutable_at(i) = filter.step(samples.at(i));
            return out;
          },
          py::arg("samples"))
      .def("reset", &BandPass::reset)
      .def_property_readonly("sections", [](const BandPass& filter) {
        Doubles out({static_cast<py::ssize_t>(filter.sections().size()), py::ssize_t{6}});
        double* row = out.mutable_data();
        for (const Section& s : filter.sections())
          for (const double value : {s.b0, s.b1, s.b2, 1.0, s.a1, s.a2}) *row++ = value;
        return out;
      });

  py::class_<Resampler>(module, "Resampler")
      .def(py::init<double, int, double>(), py::arg("rate"), py::arg("channels") = 1,
           py::arg("max_gap") = defaults.max_gap)
      .def("push", resample, py::arg("time"), py::arg("values"))
      .def("reset", &Resampler::reset)
      .def_property_readonly("value_rate", &Resampler::value_rate);

  py::class_<PulseWindow> window(module, "PulseWindow");
  window
      .def(py::init([](const PulseOptions& options, const std::string& backend) {
             return PulseWindow(options, select_kernels(backend.c_str()));
           }),
           py::arg("options"), py::arg("backend") = "auto")
      .def("restart", &PulseWindow::restart, py::arg("start"), py::arg("after_gap"))
      .def(
          "push",
          [](PulseWindow& self, const py::object& object, const Doubles& witnesses, bool too_slow) {
            const Doubles samples = as_doubles(object, "samples");
            if (witnesses.ndim() != 2 || witnesses.shape(0) != samples.shape(0) ||
                witnesses.shape(1) != kWitnesses)
              throw py::value_error("witnesses must have shape (" +
                                    std::to_string(samples.shape(0)) + ", " +
                                    std::to_string(kWitnesses) + "), got " + describe(witnesses));
            for (py::ssize_t i = 0; i < samples.shape(0); ++i)
              self.push(samples.at(i), witnesses.data(i, 0), too_slow);
          },
          py::arg("samples"), py::arg("witnesses"), py::arg("too_slow") = false)
      .def_property_readonly("capacity", &PulseWindow::capacity)
      .def("is_too_slow", &PulseWindow::is_too_slow, py::arg("frame_rate"))
      .def(
          "read",
          [](PulseWindow& self, double time) { return ReadingType::get().make(time, self.read()); },
          py::arg("time"))
      .def("candidates", candidates);
  add_pulse_window(window);

  py::class_<StreamHandle> stream(module, "Stream");
  stream
      .def(py::init([](std::shared_ptr<Student> student, const PulseOptions& options) {
             return std::make_unique<StreamHandle>(std::move(student), options);
           }),
           py::arg("student").none(false), py::arg("options"))
      .def("push", &StreamHandle::push, py::arg("frame"), py::arg("box"), py::arg("time"),
           py::arg("color") = "bgr")
      .def("rebox", &StreamHandle::rebox, py::arg("frame"), py::arg("box"),
           py::arg("color") = "bgr")
      .def("reset", &StreamHandle::reset);
  add_pulse_window(stream);

  module.def(
      "spectrum",
      [](const py::object& object, double fs, double low, double high, const std::string& backend) {
        const Doubles pulse = as_doubles(object, "pulse");
        const auto count = static_cast<std::size_t>(pulse.shape(0));
        Spectrum spectrum(select_kernels(backend.c_str()), fs, low, high, count);
        spectrum.analyse(pulse.data(), count);
        constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
        Peak peak{kNone, kNone};
        const bool found = spectrum.find_peaks(&peak, 1) == 1;
        const std::vector<double>& power = spectrum.power();
        Doubles out(static_cast<py::ssize_t>(power.size()), power.data());
        return py::make_tuple(spectrum.bin_hz(), out, found, peak.frequency, peak.snr_db);
      },
      py::arg("pulse"), py::arg("fs"), py::arg("low") = defaults.low,
      py::arg("high") = defaults.high, py::arg("backend") = "auto");
}

void bind_recording(py::module_& module) {
  py::class_<Recording>(module, "Recording")
      .def(py::init<double, double>(), py::arg("step"), py::arg("max_gap"))
      .def(
          "take",
          [](Recording& self, double time, int status, double heart_rate, double snr_db,
             double confidence, double start, double end) {
            return self.take(
                time, {static_cast<Status>(status), heart_rate, snr_db, confidence, start, end});
          },
          py::arg("time"), py::arg("status"), py::arg("heart_rate"), py::arg("snr_db"),
          py::arg("confidence"), py::arg("start"), py::arg("end"))
      .def("summary", [](const Recording& self) {
        const Summary summary = self.summary();
        return py::make_tuple(static_cast<int>(summary.status), summary.heart_rate, summary.snr_db,
                              summary.confidence, summary.frames, summary.duration, summary.fps);
      });
}

}  // namespace
}  // namespace rppg

PYBIND11_MODULE(_core, module) {
  module.attr("__version__") = RPPG_VERSION;
  module.attr("compiler") = RPPG_COMPILER;
  module.attr("flags") = RPPG_FLAGS;
  rppg::bind_kernels(module);
  rppg::bind_student(module);
  rppg::bind_pulse(module);
  rppg::bind_classical(module);
  rppg::bind_cuda(module);
  rppg::bind_recording(module);
  rppg::bind_face(module);
}
