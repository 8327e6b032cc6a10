// Fuzzes clock, resampler, band-pass and window with any settings, and any values at any times.
#include <fuzzer/FuzzedDataProvider.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>

#include "reading/window.hpp"
#include "signal/resampler.hpp"

namespace {

constexpr double kMostSamples = 1000;  // in a window; more would only be slower

// Any double, a number in a range, or the usual value.
double number(FuzzedDataProvider& given, double usual, double low, double high) {
  switch (given.ConsumeIntegralInRange(0, 3)) {
    case 0: {
      double value = usual;
      given.ConsumeData(&value, sizeof value);
      return value;
    }
    case 1:
      return given.ConsumeFloatingPointInRange(low, high);
    default:
      return usual;
  }
}

void check(const rppg::Reading& reading, const rppg::PulseOptions& options) {
  if (std::isnan(reading.heart_rate) == (reading.status == rppg::Status::ok)) std::abort();
  if (!(reading.start <= reading.end)) std::abort();
  if (!(reading.coverage >= 0 && reading.coverage <= 1)) std::abort();
  if (reading.confidence < 0 || reading.confidence > 1) std::abort();
  if (reading.status != rppg::Status::ok) return;
  // The peak is interpolated and can lie half a bin outside the band.
  if (!(reading.heart_rate > 60 * options.low - 1 && reading.heart_rate < 60 * options.high + 1))
    std::abort();
  if (!(reading.confidence >= options.min_confidence)) std::abort();
  if (reading.candidate != reading.heart_rate) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider given(data, size);
  rppg::PulseOptions options;
  options.rate = number(given, options.rate, 5, 250);
  options.low = number(given, options.low, 0.1, 3);
  options.high = number(given, options.high, 1, 20);
  options.order = given.ConsumeIntegralInRange(-1, 10);
  options.window = number(given, options.window, 0.5, 60);
  options.min_window = number(given, options.min_window, 0.5, 60);
  options.min_confidence = number(given, options.min_confidence, 0, 1);
  options.peaks = given.ConsumeIntegralInRange(-1, 10);
  options.max_gap = number(given, options.max_gap, 0.01, 2);
  options.method = static_cast<rppg::Method>(given.ConsumeIntegralInRange(0, rppg::kMethods - 1));
  if (options.window * options.rate > kMostSamples) return 0;
  std::optional<rppg::Resampler> resampler;
  std::optional<rppg::PulseWindow> window;
  try {
    resampler.emplace(options.rate, rppg::kSignals, options.max_gap);
    window.emplace(options, rppg::select_kernels("auto"));
  } catch (const std::invalid_argument&) {
    return 0;
  }

  double time = 0, values[rppg::kSignals] = {};
  double& value = values[0];
  std::size_t most = static_cast<std::size_t>(options.rate * options.max_gap) + 2;
  const auto push = [&] {
    try {
      std::size_t cells = 0;
      const auto step = resampler->classify(time);
      if (step == rppg::Resampler::Step::first || step == rppg::Resampler::Step::gap)
        window->restart(time, true);
      // Colors and one region signal follow the value; another region signal is its negative.
      for (int c = 0; c < rppg::kColors; ++c) values[1 + c] = 0.5 + 0.001 * (c + 1) * value;
      values[1 + rppg::kColors] = 0.01 * value;
      values[2 + rppg::kColors] = -values[1 + rppg::kColors];
      resampler->push(time, values, [&](const double* sample, bool missing) {
        window->push(sample, missing, window->is_too_slow(resampler->value_rate()));
        if (++cells > most) std::abort();
      });
    } catch (const rppg::TimeError&) {
      return false;
    }
    return true;
  };
  while (given.remaining_bytes() > 0) {
    // Runs of regular frames, so that windows fill. The frame after a run may have any time and
    // value.
    const double step = number(given, 1 / 30.0, -1, 2), beat = given.ConsumeIntegralInRange(0, 60);
    const int count = given.ConsumeIntegralInRange(1, 200);
    const double next = number(given, time + step, time - 2, time + 2);
    for (int i = 0; i < count; ++i) {
      push();
      time += step;
      value = std::sin(beat * time);
    }
    check(window->read(), options);
    window->candidates();
    time = next;
    value = number(given, value, -1e3, 1e3);
  }
  // After any input, a camera with regular frames must be accepted from its second frame on.
  time = 1000;
  value = 0;
  push();
  time += 0.5 * std::fmin(options.max_gap, 1.0);
  if (time > 1000 && !push()) std::abort();
  return 0;
}
