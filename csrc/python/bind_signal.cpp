// The signal stages for Python: argument checks, no arithmetic.
#include <pybind11/native_enum.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "python/arrays.hpp"
#include "python/bind.hpp"
#include "python/locked.hpp"
#include "reading/reading.hpp"
#include "signal/band_pass.hpp"
#include "signal/clock.hpp"
#include "signal/elementary.hpp"
#include "signal/resampler.hpp"
#include "signal/spectrum.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

py::tuple resample(Resampler& resampler, double time, const py::object& object) {
  const py::ssize_t channels = resampler.channels();
  const Doubles values = as_doubles(object, "values");
  if (values.shape(0) != channels)
    throw py::value_error("values must have shape (" + std::to_string(channels) + ",), got " +
                          describe(values));
  std::vector<double> samples;
  const auto step = resampler.push(time, values.data(), [&](const double* sample, bool) {
    samples.insert(samples.end(), sample, sample + channels);
  });
  py::array_t<double> out({static_cast<py::ssize_t>(samples.size()) / channels, channels});
  std::copy(samples.begin(), samples.end(), out.mutable_data());
  return py::make_tuple(step, out);
}

// Filters a copy of the samples forwards and backwards with the filter's sections.
Doubles zero_phase(const BandPass& filter, const py::object& object) {
  const Doubles samples = as_doubles(object, "samples");
  const auto count = static_cast<std::size_t>(samples.shape(0));
  Doubles out(samples.shape(0), samples.data());
  ZeroPhase(filter, count).run(out.mutable_data(), count, 1);
  return out;
}

// One of the elementary functions, of each value.
Doubles elementary_function(const std::string& name, const py::object& object) {
  const Doubles values = as_doubles(object, "values");
  double (*function)(double) = name == "sin"     ? elementary::sin
                               : name == "cos"   ? elementary::cos
                               : name == "exp"   ? elementary::exp
                               : name == "log"   ? elementary::log
                               : name == "log10" ? elementary::log10
                                                 : nullptr;
  if (!function) throw py::value_error("there is no elementary function '" + name + "'");
  Doubles out(values.shape(0));
  std::transform(values.data(), values.data() + values.shape(0), out.mutable_data(), function);
  return out;
}

}  // namespace

void bind_signal(py::module_& module) {
  py::register_exception<TimeError>(module, "TimeError", PyExc_ValueError);

  // Its numbers have always been those of Python's interface.
  py::native_enum<Clock::Step>(module, "Step", "enum.IntEnum")
      .value("FIRST", Clock::Step::first)
      .value("NEXT", Clock::Step::next)
      .value("GAP", Clock::Step::gap)
      .value("HOLE", Clock::Step::hole)
      .finalize();
  py::class_<Clock>(module, "Clock")
      .def(py::init<double>(), py::arg("max_gap"))
      .def("push", locked(&Clock::push), py::arg("time"))
      .def("reset", locked(&Clock::reset));

  module.def("elementary_function", elementary_function, py::arg("name"), py::arg("values"));

  const PulseOptions defaults;
  py::class_<BandPass>(module, "BandPass")
      .def(py::init<double, double, double, int>(), py::arg("low"), py::arg("high"), py::arg("fs"),
           py::arg("order") = 2)
      .def("__call__", locked([](BandPass& filter, const py::object& object) {
             const Doubles samples = as_doubles(object, "samples");
             Doubles out(samples.shape(0));
             for (py::ssize_t i = 0; i < samples.shape(0); ++i)
               out.mutable_at(i) = filter.step(samples.at(i));
             return out;
           }),
           py::arg("samples"))
      .def("reset", locked(&BandPass::reset))
      .def("zero_phase", zero_phase, py::arg("samples"))
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
      .def("push", locked(resample), py::arg("time"), py::arg("values"))
      .def("reset", locked(&Resampler::reset))
      .def_property_readonly("value_rate", locked(&Resampler::value_rate));

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

}  // namespace rppg
