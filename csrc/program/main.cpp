// rppg-fast-stream reads raw frames and prints one line of JSON for every reading.
#include <rppg_fast.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "face_weights.hpp"
#include "options.hpp"
#include "source.hpp"
#include "system.hpp"

namespace {

constexpr int kBadInput = 2, kNoHeartRate = 3;

volatile std::sig_atomic_t stopped = 0;

template <typename Handle>
struct Free;
template <>
struct Free<rppg_model> {
  void operator()(rppg_model* handle) const { rppg_model_free(handle); }
};
template <>
struct Free<rppg_stream> {
  void operator()(rppg_stream* handle) const { rppg_stream_free(handle); }
};
template <>
struct Free<rppg_recording> {
  void operator()(rppg_recording* handle) const { rppg_recording_free(handle); }
};
template <>
struct Free<rppg_face_model> {
  void operator()(rppg_face_model* handle) const { rppg_face_model_free(handle); }
};
template <>
struct Free<rppg_monitor> {
  void operator()(rppg_monitor* handle) const { rppg_monitor_free(handle); }
};
template <typename Handle>
using Owned = std::unique_ptr<Handle, Free<Handle>>;

const char* message(const rppg_model* handle) { return rppg_model_message(handle); }
const char* message(const rppg_stream* handle) { return rppg_stream_message(handle); }
const char* message(const rppg_recording* handle) { return rppg_recording_message(handle); }
const char* message(const rppg_face_model* handle) { return rppg_face_model_message(handle); }
const char* message(const rppg_monitor* handle) { return rppg_monitor_message(handle); }

template <typename Handle>
void check(int code, const Handle& handle) {
  if (code != RPPG_OK) throw InputError(message(handle.get()));
}

Owned<rppg_model> load_model(const std::string& weights) {
  rppg_model* model = nullptr;
  const int code = weights.empty() ? rppg_model_create_default(&model)
                                   : rppg_model_create_from_file(weights.c_str(), &model);
  Owned<rppg_model> owned(model);
  check(code, owned);
  return owned;
}

Owned<rppg_stream> make_stream(const rppg_model* model, const rppg_stream_options& options) {
  rppg_stream* stream = nullptr;
  const int code = rppg_stream_create(model, &options, &stream);
  Owned<rppg_stream> owned(stream);
  check(code, owned);
  return owned;
}

Owned<rppg_monitor> make_monitor(const rppg_model* model, const rppg_stream_options& options) {
  rppg_face_model* faces = nullptr;
  const int read = rppg_face_model_create_from_memory(face_weights(), face_weights_size(),
                                                      "the detector's weights", &faces);
  const Owned<rppg_face_model> owned_faces(faces);
  check(read, owned_faces);
  rppg_monitor* monitor = nullptr;
  const int code = rppg_monitor_create(model, &options, faces, nullptr, &monitor);
  Owned<rppg_monitor> owned(monitor);
  check(code, owned);
  return owned;
}

// Measures frames: in the given box, or where a face is found.
class Meter {
 public:
  explicit Meter(const Options& options) : box_(options.box) {
    const Owned<rppg_model> model = load_model(options.weights);
    if (options.has_box)
      stream_ = make_stream(model.get(), options.stream);
    else
      monitor_ = make_monitor(model.get(), options.stream);
  }

  // Returns false if the frame's time is wrong.
  bool push(const rppg_frame& frame, double time, rppg_reading& reading) {
    const int code = stream_ ? rppg_stream_push(stream_.get(), &frame, &box_, time, &reading)
                             : rppg_monitor_push(monitor_.get(), &frame, time, &reading, &found_);
    if (code == RPPG_ERROR_TIME) return false;
    if (stream_)
      check(code, stream_);
    else
      check(code, monitor_);
    if (found_.x0 != found_.x1) {
      box_ = found_;
      turned_ = rppg_monitor_turned(monitor_.get());
    }
    return true;
  }

  // The box that was measured last; empty if there was none.
  const rppg_box& box() const { return box_; }
  // Rotation of the face in that box, clockwise in degrees.
  int turned() const { return turned_; }

 private:
  rppg_box box_, found_{};
  int turned_ = 0;
  Owned<rppg_stream> stream_;
  Owned<rppg_monitor> monitor_;
};

Owned<rppg_recording> make_recording(const Options& options) {
  rppg_recording* recording = nullptr;
  const int code = rppg_recording_create(options.step, options.stream.max_gap_s, &recording);
  Owned<rppg_recording> owned(recording);
  check(code, owned);
  check(rppg_recording_set_min_confidence(recording, options.stream.min_confidence), owned);
  return owned;
}

// The shortest form that reads back as the same number; null for NaN and infinity.
std::string json(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  for (int digits = 15; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

// For texts of the library, which have no characters that need escapes.
std::string json(const char* text) { return text ? std::string("\"") + text + "\"" : "null"; }

std::string json(const rppg_box& box) {
  if (box.x0 == box.x1) return "null";
  return "[" + std::to_string(box.x0) + ", " + std::to_string(box.y0) + ", " +
         std::to_string(box.x1) + ", " + std::to_string(box.y1) + "]";
}

void print_line(const std::string& line) {
  std::printf("{%s}\n", line.c_str());
  if (std::fflush(stdout) != 0) throw InputError("standard output cannot be written");
}

template <typename Result>
std::string json_result(const Result& result) {
  return std::string("\"status\": \"") + rppg_status_name(result.status) +
         "\", \"heart_rate_bpm\": " + json(result.heart_rate_bpm) +
         ", \"snr_db\": " + json(result.snr_db) + ", \"confidence\": " + json(result.confidence) +
         ", \"coverage\": " + json(result.coverage);
}

void print_reading(const rppg_reading& reading) {
  print_line("\"time_s\": " + json(reading.time_s) + ", " + json_result(reading) +
             ", \"start_s\": " + json(reading.start_s) + ", \"end_s\": " + json(reading.end_s) +
             ", \"candidate_bpm\": " + json(reading.candidate_bpm) +
             ", \"source\": " + json(reading.source));
}

int print_summary(const Owned<rppg_recording>& recording, long skipped, const Meter& meter,
                  const Options& options) {
  rppg_summary summary{};
  summary.struct_size = sizeof summary;
  check(rppg_recording_summarise(recording.get(), &summary), recording);
  print_line(json_result(summary) + ", \"spread_bpm\": " + json(summary.spread_bpm) +
             ", \"candidate_bpm\": " + json(summary.candidate_bpm) + ", \"frames\": " +
             std::to_string(summary.frames) + ", \"skipped_frames\": " + std::to_string(skipped) +
             ", \"duration_s\": " + json(summary.duration_s) + ", \"fps\": " + json(summary.fps) +
             ", \"box\": " + json(meter.box()) + ", \"turned\": " + std::to_string(meter.turned()) +
             ", \"method\": " + json(options.stream.method));
  return summary.status == RPPG_STATUS_OK ? 0 : kNoHeartRate;
}

// Decides when a line is printed: for each window that counts. Before the first such window, a line
// is printed at every step and when the status changes.
class Lines {
 public:
  explicit Lines(double step) : step_(step) {}
  bool due(const rppg_reading& reading, bool counts) {
    const bool window =
        reading.status == RPPG_STATUS_OK || reading.status == RPPG_STATUS_LOW_SIGNAL;
    if (!counts && (window || (reading.status == status_ && reading.time_s < next_))) return false;
    status_ = reading.status;
    next_ = reading.time_s + step_;
    return true;
  }

 private:
  double step_, next_ = 0;
  int status_ = -1;
};

int run(const Options& options) {
  Meter meter(options);
  const auto recording = make_recording(options);
  const auto source = options.camera.empty() ? open_pipe(options) : open_camera(options);
  Lines lines(options.step);
  long frames = 0, skipped = 0;
  rppg_frame frame{};
  rppg_reading reading{};
  reading.struct_size = sizeof reading;
  std::string broken;
  try {
    for (double time = 0; !stopped && source->next(frame, time);) {
      if (!meter.push(frame, time, reading)) {
        ++skipped;
        continue;
      }
      int counts = 0;
      check(rppg_recording_take(recording.get(), &reading, &counts), recording);
      ++frames;
      if (lines.due(reading, counts)) print_reading(reading);
      if (!options.summary) rppg_recording_forget(recording.get());
    }
  } catch (const InputError& error) {
    broken = error.what();
  }
  if (broken.empty() && frames + skipped == 0 && !stopped)
    broken = "standard input: holds no frame";
  const int code =
      options.summary && frames > 0 ? print_summary(recording, skipped, meter, options) : 0;
  if (!broken.empty()) throw InputError(broken);
  return code;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    use_plain_bytes();
    const Options options = parse_options(count, arguments);
    if (options.help || options.version) {
      if (options.help)
        std::fputs(kHelp, stdout);
      else
        std::printf("rppg-fast-stream %s\n", rppg_version());
      return 0;
    }
    on_stop([](int) { stopped = 1; });
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rppg-fast-stream: %s\n", error.what());
    return kBadInput;
  }
}
