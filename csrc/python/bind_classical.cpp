// The classical methods for Python: argument checks and release of the GIL, no arithmetic.
#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "python/arrays.hpp"
#include "python/bind.hpp"
#include "reading/classical.hpp"
#include "reading/ica.hpp"

namespace py = pybind11;

namespace rppg {
namespace {

// Colors of shape (samples, 3), stored channel by channel.
class Colors {
 public:
  Colors(const py::object& object, const char* name) {
    const Doubles rows = as_real(object, name);
    if (rows.ndim() != 2 || rows.shape(1) != kChannels || rows.shape(0) < 2)
      throw py::value_error(std::string(name) +
                            " must have shape (samples, 3) with at least 2 samples, got " +
                            describe(rows));
    count_ = static_cast<std::size_t>(rows.shape(0));
    for (int c = 0; c < kChannels; ++c) {
      for (py::ssize_t i = 0; i < rows.shape(0); ++i) samples_[c].push_back(rows.at(i, c));
      channels_[c] = samples_[c].data();
    }
  }
  Colors(const Colors&) = delete;

  std::size_t count() const { return count_; }
  const double* const* channels() const { return channels_; }

 private:
  std::size_t count_;
  std::vector<double> samples_[kChannels];
  const double* channels_[kChannels];
};

void check_same_shape(const Colors& rgb, const Colors& filtered) {
  if (rgb.count() != filtered.count())
    throw py::value_error("rgb and filtered must have as many samples, got " +
                          std::to_string(rgb.count()) + " and " + std::to_string(filtered.count()));
}

// Runs a method, extract(out), that writes a pulse of `count` samples.
template <typename Extract>
Doubles pulse_of(std::size_t count, Extract&& extract) {
  Doubles out(static_cast<py::ssize_t>(count));
  double* const samples = out.mutable_data();
  py::gil_scoped_release release;
  extract(samples);
  return out;
}

Doubles green(const py::object& rgb) {
  const Colors color(rgb, "rgb");
  return pulse_of(color.count(),
                  [&](double* out) { green_pulse(color.channels(), color.count(), out); });
}

Doubles pos(const py::object& rgb, double fs) {
  const Colors color(rgb, "rgb");
  return pulse_of(color.count(), [&](double* out) {
    Classical(fs, color.count()).pos(color.channels(), color.count(), out);
  });
}

Doubles chrom(const py::object& rgb, const py::object& filtered, double fs) {
  const Colors color(rgb, "rgb"), pulses(filtered, "filtered");
  check_same_shape(color, pulses);
  return pulse_of(color.count(), [&](double* out) {
    Classical(fs, color.count()).chrom(color.channels(), pulses.channels(), color.count(), out);
  });
}

Doubles ica(const py::object& rgb, const py::object& filtered, double fs, double low, double high,
            const std::string& backend) {
  const Colors color(rgb, "rgb"), pulses(filtered, "filtered");
  check_same_shape(color, pulses);
  const Kernels& kernels = select_kernels(backend.c_str());
  return pulse_of(color.count(), [&](double* out) {
    Ica(kernels, fs, low, high, color.count())
        .pulse(color.channels(), pulses.channels(), color.count(), out);
  });
}

}  // namespace

void bind_classical(py::module_& module) {
  module.def("green", green, py::arg("rgb"));
  module.def("pos", pos, py::arg("rgb"), py::arg("fs"));
  module.def("chrom", chrom, py::arg("rgb"), py::arg("filtered"), py::arg("fs"));
  module.def("ica", ica, py::arg("rgb"), py::arg("filtered"), py::arg("fs"), py::arg("low"),
             py::arg("high"), py::arg("backend") = "auto");
}

}  // namespace rppg
