// What JavaScript calls in the WebAssembly build. One instance of the module holds one measurement,
// so that closing it gives all of its memory back. Numbers pass in flat arrays of doubles:
// web/engine.js names their places in the same order. A function that can fail returns an
// rppg_code, and rppg_web_message says what was wrong.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <memory>
#include <vector>

#include "capi/capi.hpp"
#include "signal/spectrum.hpp"

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

namespace {

using namespace rppg::capi;

// Pixels whose bytes, up to six each, can be counted in 32 bits.
constexpr std::int64_t kMostPixels = 1 << 29;

constexpr double kDefault = std::numeric_limits<double>::quiet_NaN();

// Numbers that JavaScript writes before rppg_web_open; NaN stands for the default. Afterwards those
// of the pulse are the ones in use.
enum Setting {
  kRateHz,
  kLowHz,
  kHighHz,
  kWindowS,
  kMinWindowS,
  kMinConfidence,
  kMaxGapS,
  kOrder,
  kPeaks,
  kMostFaces,  // 0: one face
  kBoxScale,
  kMinFacePx,
  kX0,  // the box that is measured where there is no detector
  kY0,
  kX1,
  kY1,
  kSettings
};

// Numbers of a face after the newest frame. The source is the address of its name, or 0.
enum Value {
  kNumber,
  kStatus,
  kHeartRateBpm,
  kSnrDb,
  kConfidence,
  kStartS,
  kEndS,
  kCoverage,
  kCandidateBpm,
  kSource,
  kBoxX0,
  kBoxY0,
  kBoxX1,
  kBoxY1,
  kTurned,
  kValues
};

template <typename Kind>
using Owned = std::unique_ptr<Kind, void (*)(Kind*)>;

struct Measurement : Handle {
  Owned<rppg_monitor> monitor{nullptr, rppg_monitor_free};
  Owned<rppg_stream> stream{nullptr, rppg_stream_free};
  rppg_stream_options options{};
  rppg_box box{};
  bool several = false;
  std::vector<double> values;  // a row of kValues for each face
  std::vector<double> pulse;
  std::size_t count = 0;  // of the pulse, from `first_s` on
  double first_s = 0;
  std::unique_ptr<rppg::Spectrum> spectrum;
};

struct Settings {
  double values[kSettings];
  Settings() { std::fill(std::begin(values), std::end(values), kDefault); }
  double& operator[](Setting place) { return values[place]; }
} settings;
Measurement own;

// Fails with the message of a handle of the C interface.
template <typename Kind>
int failed(int code, const Kind* handle, const char* (*message)(const Kind*)) {
  return code == RPPG_OK ? code : complain(own, code, message(handle));
}

// Runs what returns an rppg_code. An exception becomes a code, too.
template <typename Use>
int attempt(Use&& use) {
  int code = RPPG_OK;
  const int thrown = guarded(own, [&] { code = use(); });
  return thrown == RPPG_OK ? code : thrown;
}

void set(double& to, Setting from) {
  if (!std::isnan(settings[from])) to = settings[from];
}

// JavaScript has checked that the number is whole and has 32 bits.
void set(std::int32_t& to, Setting from) {
  if (!std::isnan(settings[from])) to = static_cast<std::int32_t>(settings[from]);
}

// Calls use(number, place) for the numbers of the pulse.
template <typename Use>
void for_each_setting(Use&& use) {
  rppg_stream_options& options = own.options;
  use(options.rate_hz, kRateHz);
  use(options.low_hz, kLowHz);
  use(options.high_hz, kHighHz);
  use(options.window_s, kWindowS);
  use(options.min_window_s, kMinWindowS);
  use(options.min_confidence, kMinConfidence);
  use(options.max_gap_s, kMaxGapS);
  use(options.order, kOrder);
  use(options.peaks, kPeaks);
}

void take_settings() {
  rppg_stream_options_init(&own.options, sizeof own.options);
  for_each_setting([](auto& number, Setting place) { set(number, place); });
}

void add_face(double number, const rppg_reading& reading, const rppg_box& box, int turned) {
  const double row[kValues] = {
      number,
      static_cast<double>(reading.status),
      reading.heart_rate_bpm,
      reading.snr_db,
      reading.confidence,
      reading.start_s,
      reading.end_s,
      reading.coverage,
      reading.candidate_bpm,
      static_cast<double>(reinterpret_cast<std::uintptr_t>(reading.source)),
      static_cast<double>(box.x0),
      static_cast<double>(box.y0),
      static_cast<double>(box.x1),
      static_cast<double>(box.y1),
      static_cast<double>(turned)};
  own.values.insert(own.values.end(), row, row + kValues);
}

rppg_reading empty_reading() {
  rppg_reading reading{};
  reading.struct_size = sizeof reading;
  return reading;
}

int push_monitor(const rppg_frame& frame, double time_s) {
  rppg_monitor* const monitor = own.monitor.get();
  rppg_reading reading = empty_reading();
  rppg_box box{};
  if (!own.several) {
    const int code = rppg_monitor_push(monitor, &frame, time_s, &reading, &box);
    if (code != RPPG_OK) return failed(code, monitor, rppg_monitor_message);
    std::int64_t number = 0;
    rppg_monitor_face(monitor, 0, &number, nullptr, nullptr, nullptr);  // 0 where there is no face
    add_face(static_cast<double>(number), reading, box, rppg_monitor_turned(monitor));
    return RPPG_OK;
  }
  std::size_t count = 0;
  int code = rppg_monitor_push_all(monitor, &frame, time_s, &count);
  for (std::size_t i = 0; code == RPPG_OK && i < count; ++i) {
    std::int64_t number = 0;
    std::int32_t turned = 0;
    code = rppg_monitor_face(monitor, i, &number, &reading, &box, &turned);
    if (code == RPPG_OK) add_face(static_cast<double>(number), reading, box, turned);
  }
  return failed(code, monitor, rppg_monitor_message);
}

int push_stream(const rppg_frame& frame, double time_s) {
  rppg_reading reading = empty_reading();
  const int code = rppg_stream_push(own.stream.get(), &frame, &own.box, time_s, &reading);
  if (code == RPPG_OK) add_face(1, reading, own.box, 0);
  return failed(code, own.stream.get(), rppg_stream_message);
}

int open_stream(const rppg_model* model) {
  set(own.box.x0, kX0);
  set(own.box.y0, kY0);
  set(own.box.x1, kX1);
  set(own.box.y1, kY1);
  rppg_stream* stream = nullptr;
  const int code = rppg_stream_create(model, &own.options, &stream);
  own.stream.reset(stream);
  return failed(code, stream, rppg_stream_message);
}

int open_monitor(const rppg_model* model, const void* face_weights, std::size_t size) {
  rppg_face_model* face_model = nullptr;
  int code = rppg_face_model_create_from_memory(face_weights, size, "face weights", &face_model);
  const Owned<rppg_face_model> freed_later(face_model, rppg_face_model_free);
  if (code != RPPG_OK) return failed(code, face_model, rppg_face_model_message);
  rppg_face_options faces{};
  rppg_face_options_init(&faces, sizeof faces);
  set(faces.box_scale, kBoxScale);
  set(faces.min_face_px, kMinFacePx);
  rppg_monitor_options which{};
  rppg_monitor_options_init(&which, sizeof which);
  set(which.most_faces, kMostFaces);
  own.several = which.most_faces > 0;
  rppg_monitor* monitor = nullptr;
  code =
      rppg_monitor_create_with_options(model, &own.options, face_model, &faces, &which, &monitor);
  own.monitor.reset(monitor);
  return failed(code, monitor, rppg_monitor_message);
}

}  // namespace

// Memory for a text, weights or a frame; NULL if there is none.
EXPORT(rppg_web_allocate) void* rppg_web_allocate(std::size_t bytes) { return std::malloc(bytes); }
EXPORT(rppg_web_release) void rppg_web_release(void* memory) { std::free(memory); }

// See rppg_format_name and rppg_format_bytes; 0 for frames that the memory cannot hold, too.
EXPORT(rppg_web_format_name) const char* rppg_web_format_name(int format) {
  return rppg_format_name(format);
}
EXPORT(rppg_web_format_bytes)
std::size_t rppg_web_format_bytes(int format, std::int32_t width, std::int32_t height) {
  return std::int64_t{width} * height > kMostPixels ? 0 : rppg_format_bytes(format, width, height);
}

// The numbers of Setting.
EXPORT(rppg_web_settings) double* rppg_web_settings() { return settings.values; }

// Begins the measurement. Without weights of the face detector it measures the box of the settings.
// A text that is NULL stands for the default.
EXPORT(rppg_web_open)
int rppg_web_open(const char* method, const char* backend, const void* face_weights,
                  std::size_t size) {
  return attempt([&] {
    rppg_model* model = nullptr;
    const int code = rppg_model_create_default(&model);
    const Owned<rppg_model> freed_later(model, rppg_model_free);
    if (code != RPPG_OK) return failed(code, model, rppg_model_message);
    take_settings();
    own.options.method = method ? method : own.options.method;
    own.options.backend = backend;
    const int opened = face_weights ? open_monitor(model, face_weights, size) : open_stream(model);
    own.options.method = own.options.backend = nullptr;  // the texts belong to the caller
    if (opened != RPPG_OK) return opened;
    for_each_setting([](auto number, Setting place) { settings[place] = number; });
    const rppg_stream_options& options = own.options;
    const auto most = static_cast<std::size_t>(std::ceil(options.window_s * options.rate_hz)) + 1;
    own.pulse.resize(most);
    own.spectrum = std::make_unique<rppg::Spectrum>(rppg::select_kernels("auto"), options.rate_hz,
                                                    options.low_hz, options.high_hz, most);
    return static_cast<int>(RPPG_OK);
  });
}

// Takes a frame. Afterwards rppg_web_values has a row of numbers for each of rppg_web_faces faces;
// where one face is measured there is always one row.
EXPORT(rppg_web_push)
int rppg_web_push(int format, int range, int matrix, int width, int height,
                  const std::uint8_t* data, double time_s) {
  return attempt([&] {
    own.values.clear();
    rppg_frame frame{};
    frame.struct_size = sizeof frame;
    frame.format = format;
    frame.range = range;
    frame.matrix = matrix;
    frame.width = width;
    frame.height = height;
    frame.data = data;
    return own.monitor ? push_monitor(frame, time_s) : push_stream(frame, time_s);
  });
}

EXPORT(rppg_web_faces) std::size_t rppg_web_faces() { return own.values.size() / kValues; }
EXPORT(rppg_web_values) const double* rppg_web_values() { return own.values.data(); }

// Takes the pulse in the window of a face: rppg_web_pulse_count samples, the first one of the time
// rppg_web_pulse_first_s.
EXPORT(rppg_web_pulse) int rppg_web_pulse(double number) {
  return attempt([&] {
    const auto most = own.pulse.size();
    double* const to = own.pulse.data();
    if (own.stream)
      return failed(rppg_stream_pulse(own.stream.get(), to, most, &own.count, &own.first_s),
                    own.stream.get(), rppg_stream_message);
    rppg_monitor* const monitor = own.monitor.get();
    const int code = own.several
                         ? rppg_monitor_face_pulse(monitor, static_cast<std::int64_t>(number), to,
                                                   most, &own.count, &own.first_s)
                         : rppg_monitor_pulse(monitor, to, most, &own.count, &own.first_s);
    return failed(code, monitor, rppg_monitor_message);
  });
}

EXPORT(rppg_web_pulse_values) const double* rppg_web_pulse_values() { return own.pulse.data(); }
EXPORT(rppg_web_pulse_count) std::size_t rppg_web_pulse_count() { return own.count; }
EXPORT(rppg_web_pulse_first_s) double rppg_web_pulse_first_s() { return own.first_s; }

// The spectrum of the pulse that rppg_web_pulse took, at least two samples: power at every multiple
// of rppg_web_bin_hz up to the highest heart rate. The bins between rppg_web_first_bin and
// rppg_web_last_bin are those of the band.
EXPORT(rppg_web_spectrum) const double* rppg_web_spectrum() {
  own.spectrum->analyse(own.pulse.data(), own.count);
  return own.spectrum->power().data();
}
EXPORT(rppg_web_bin_hz) double rppg_web_bin_hz() { return own.spectrum->bin_hz(); }
EXPORT(rppg_web_first_bin) std::size_t rppg_web_first_bin() {
  return static_cast<std::size_t>(std::ceil(own.options.low_hz / own.spectrum->bin_hz()));
}
EXPORT(rppg_web_last_bin) std::size_t rppg_web_last_bin() {
  return static_cast<std::size_t>(own.options.high_hz / own.spectrum->bin_hz());
}

// Forgets all frames.
EXPORT(rppg_web_reset) void rppg_web_reset() {
  own.values.clear();
  own.count = 0;
  if (own.monitor) rppg_monitor_reset(own.monitor.get());
  if (own.stream) rppg_stream_reset(own.stream.get());
}

EXPORT(rppg_web_message) const char* rppg_web_message() { return own.message; }
EXPORT(rppg_web_version) const char* rppg_web_version() { return rppg_version(); }
