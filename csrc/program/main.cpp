// rppg-fast-stream: raw frames in, one line of JSON for every reading out.
#include <rppg_fast.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "options.hpp"
#include "source.hpp"

namespace {

constexpr int kBadInput = 2, kNoHeartRate = 3;

volatile std::sig_atomic_t stopped = 0;

// Calls that wait for a frame come back, so that the summary can still be written.
void stop_on_signals() {
  struct sigaction action{};
  action.sa_handler = [](int) { stopped = 1; };
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

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
template <typename Handle>
using Owned = std::unique_ptr<Handle, Free<Handle>>;

const char* message(const rppg_model* handle) { return rppg_model_message(handle); }
const char* message(const rppg_stream* handle) { return rppg_stream_message(handle); }
const char* message(const rppg_recording* handle) { return rppg_recording_message(handle); }

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

Owned<rppg_recording> make_recording(double step) {
  rppg_recording* recording = nullptr;
  const int code = rppg_recording_create(step, &recording);
  Owned<rppg_recording> owned(recording);
  check(code, owned);
  return owned;
}

// The shortest form that reads back as the same number; null for NaN.
std::string json(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  for (int digits = 15; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

void print_line(const std::string& line) {
  std::printf("{%s}\n", line.c_str());
  if (std::fflush(stdout) != 0) throw InputError("standard output cannot be written");
}

std::string json_result(int status, double heart_rate, double snr_db) {
  return std::string("\"status\": \"") + rppg_status_name(status) +
         "\", \"heart_rate_bpm\": " + json(heart_rate) + ", \"snr_db\": " + json(snr_db);
}

// What is known of all frames so far.
struct Count {
  long frames = 0, skipped = 0;
  double first = 0, last = 0;  // s
};

void print_reading(const rppg_reading& reading, double time) {
  print_line("\"time_s\": " + json(time) + ", " +
             json_result(reading.status, reading.heart_rate_bpm, reading.snr_db) +
             ", \"start_s\": " + json(reading.start_s) + ", \"end_s\": " + json(reading.end_s));
}

int print_summary(const Owned<rppg_recording>& recording, const Count& count, const rppg_box& box) {
  rppg_summary summary{};
  summary.struct_size = sizeof summary;
  check(rppg_recording_summarise(recording.get(), &summary), recording);
  const double duration = count.last - count.first;
  const double fps = duration > 0 ? static_cast<double>(count.frames - 1) / duration : 0.0;
  print_line(json_result(summary.status, summary.heart_rate_bpm, summary.snr_db) +
             ", \"frames\": " + std::to_string(count.frames) +
             ", \"skipped_frames\": " + std::to_string(count.skipped) +
             ", \"duration_s\": " + json(duration) + ", \"fps\": " + json(fps) + ", \"box\": [" +
             std::to_string(box.x0) + ", " + std::to_string(box.y0) + ", " +
             std::to_string(box.x1) + ", " + std::to_string(box.y1) + "], \"method\": \"student\"");
  return summary.status == RPPG_STATUS_OK ? 0 : kNoHeartRate;
}

// Says when a line is due: at the windows that count; before there are any, at every step and
// whenever the status changes.
class Lines {
 public:
  explicit Lines(double step) : step_(step) {}
  bool due(const rppg_reading& reading, double time, bool counts) {
    const bool window =
        reading.status == RPPG_STATUS_OK || reading.status == RPPG_STATUS_LOW_SIGNAL;
    if (!counts && (window || (reading.status == status_ && time < next_))) return false;
    status_ = reading.status;
    next_ = time + step_;
    return true;
  }

 private:
  double step_, next_ = 0;
  int status_ = -1;
};

int run(const Options& options) {
  const auto model = load_model(options.weights);
  const auto stream = make_stream(model.get(), options.stream);
  const auto recording = make_recording(options.step);
  const auto source = options.camera.empty() ? open_pipe(options) : open_camera(options);
  Lines lines(options.step);
  Count count;
  rppg_frame frame{};
  rppg_reading reading{};
  reading.struct_size = sizeof reading;
  std::string broken;
  try {
    for (double time = 0; !stopped && source->next(frame, time);) {
      const int code = rppg_stream_push(stream.get(), &frame, &options.box, time, &reading);
      if (code == RPPG_ERROR_TIME) {
        ++count.skipped;
        continue;
      }
      check(code, stream);
      int counts = 0;
      check(rppg_recording_take(recording.get(), &reading, &counts), recording);
      if (count.frames++ == 0) count.first = time;
      count.last = time;
      if (lines.due(reading, time, counts)) print_reading(reading, time);
      if (!options.summary) rppg_recording_forget(recording.get());
    }
  } catch (const InputError& error) {
    broken = error.what();
  }
  if (broken.empty() && count.frames + count.skipped == 0 && !stopped)
    broken = "standard input: holds not one frame";
  const int code =
      options.summary && count.frames > 0 ? print_summary(recording, count, options.box) : 0;
  if (!broken.empty()) throw InputError(broken);
  return code;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const Options options = parse_options(count, arguments);
    if (options.help || options.version) {
      if (options.help)
        std::fputs(kHelp, stdout);
      else
        std::printf("rppg-fast-stream %s\n", rppg_version());
      return 0;
    }
    stop_on_signals();
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rppg-fast-stream: %s\n", error.what());
    return kBadInput;
  }
}
