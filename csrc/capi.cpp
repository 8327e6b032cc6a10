// The C interface: arguments checked, errors as codes, no arithmetic; rppg_fast.h documents it.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "bundled.hpp"
#include "recording.hpp"
#include "rppg_fast.h"
#include "stream.hpp"

namespace {

// Fixed, so that saying what is wrong cannot fail in turn.
struct Handle {
  char message[512] = "";
};

struct FileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct WeightsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int complain(Handle& handle, int code, const char* message) {
  std::snprintf(handle.message, sizeof handle.message, "%s", message);
  return code;
}

// Runs `use`, and turns what it throws into a code and the handle's message.
template <typename Use>
int guarded(Handle& handle, Use&& use) noexcept {
  try {
    handle.message[0] = '\0';
    use();
    return RPPG_OK;
  } catch (const rppg::TimeError& error) {
    return complain(handle, RPPG_ERROR_TIME, error.what());
  } catch (const std::invalid_argument& error) {
    return complain(handle, RPPG_ERROR_ARGUMENT, error.what());
  } catch (const FileError& error) {
    return complain(handle, RPPG_ERROR_FILE, error.what());
  } catch (const WeightsError& error) {
    return complain(handle, RPPG_ERROR_WEIGHTS, error.what());
  } catch (const std::bad_alloc&) {
    return complain(handle, RPPG_ERROR_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return complain(handle, RPPG_ERROR_INTERNAL, error.what());
  } catch (...) {
    return complain(handle, RPPG_ERROR_INTERNAL, "unknown error");
  }
}

template <typename Use>
int guarded(Handle* handle, Use&& use) noexcept {
  return handle ? guarded(*handle, use) : RPPG_ERROR_ARGUMENT;
}

// Makes a handle and fills it; one that could not be filled stays, for its message.
template <typename Kind, typename Fill>
int create(Kind** out, Fill&& fill) noexcept {
  if (!out) return RPPG_ERROR_ARGUMENT;
  *out = new (std::nothrow) Kind;
  return *out ? guarded(**out, [&] { fill(**out); }) : RPPG_ERROR_MEMORY;
}

const char* message_of(const Handle* handle) { return handle ? handle->message : ""; }

void require(const void* pointer, const char* name) {
  if (!pointer) throw std::invalid_argument(std::string(name) + " is NULL");
}

// What a handle holds, unless making it failed.
template <typename Pointer>
auto& filled(const Pointer& pointer, const char* name) {
  if (!pointer) throw std::invalid_argument(std::string(name) + " could not be made");
  return *pointer;
}

// A struct ends, as a caller of the first release knows it, with its member `Last`.
template <typename Struct, typename Last>
void check_size(const Struct* given, Last Struct::* last, const char* name) {
  require(given, name);
  const auto* const begin = reinterpret_cast<const char*>(given);
  const auto* const end = reinterpret_cast<const char*>(&(given->*last) + 1);
  if (given->struct_size < static_cast<std::size_t>(end - begin))
    throw std::invalid_argument(std::string(name) + ": struct_size must be its size, is " +
                                std::to_string(given->struct_size));
}

// Reads what the caller knows of a struct; the rest is 0.
template <typename Struct, typename Last>
Struct take(const Struct* given, Last Struct::* last, const char* name) {
  check_size(given, last, name);
  Struct own{};
  std::memcpy(&own, given, std::min(given->struct_size, sizeof own));
  for (std::size_t i = sizeof own; i < given->struct_size; ++i)
    if (reinterpret_cast<const char*>(given)[i] != 0)
      throw std::invalid_argument(std::string(name) +
                                  " has a field that this release of the library does not know");
  return own;
}

// Fills in what the caller knows of a struct; of what only the caller knows, zeros.
template <typename Struct>
void give(const Struct& own, Struct* out, std::size_t size) {
  std::memset(static_cast<void*>(out), 0, size);
  std::memcpy(static_cast<void*>(out), &own, std::min(size, sizeof own));
  std::memcpy(static_cast<void*>(out), &size, sizeof size);
}

std::ptrdiff_t row_bytes(const rppg_frame& frame) {
  switch (frame.format) {
    case RPPG_FORMAT_BGR24:
    case RPPG_FORMAT_RGB24:
      return std::ptrdiff_t{3} * frame.width;
    case RPPG_FORMAT_NV12:
      return frame.width;
    case RPPG_FORMAT_YUYV:
      return std::ptrdiff_t{2} * frame.width;
    default:
      throw std::invalid_argument("frame: there is no format " + std::to_string(frame.format));
  }
}

std::ptrdiff_t check_stride(std::ptrdiff_t stride, std::ptrdiff_t bytes, const char* name) {
  if (stride < bytes && -stride < bytes)
    throw std::invalid_argument(std::string("frame: ") + name + " " + std::to_string(stride) +
                                " is less than a row's " + std::to_string(bytes) + " bytes");
  return stride;
}

rppg::FrameView view(const rppg_frame* given) {
  const rppg_frame frame = take(given, &rppg_frame::chroma_stride, "frame");
  require(frame.data, "frame: data");
  if (frame.width < 1 || frame.height < 1 ||
      std::max(frame.width, frame.height) > rppg::kLongestSide)
    throw std::invalid_argument(
        "frame: its sides must be from 1 to " + std::to_string(rppg::kLongestSide) +
        " pixels, are " + std::to_string(frame.width) + " and " + std::to_string(frame.height));
  if (frame.format == RPPG_FORMAT_YUYV && frame.width % 2)
    throw std::invalid_argument("frame: the width of yuyv must be even, is " +
                                std::to_string(frame.width));
  constexpr rppg::ColourOrder kOrders[] = {rppg::ColourOrder::bgr, rppg::ColourOrder::rgb,
                                           rppg::ColourOrder::nv12, rppg::ColourOrder::yuyv};
  const std::ptrdiff_t bytes = row_bytes(frame);
  const std::ptrdiff_t stride = check_stride(frame.stride ? frame.stride : bytes, bytes, "stride");
  rppg::FrameView out{frame.data, frame.height, frame.width, stride, 3, 1, kOrders[frame.format]};
  if (frame.format == RPPG_FORMAT_NV12) {
    out.chroma = frame.chroma ? frame.chroma : frame.data + frame.height * stride;
    // Of an odd width the last pair is whole, too.
    const std::ptrdiff_t pairs = (bytes + 1) / 2 * 2;
    const std::ptrdiff_t follows = frame.stride ? stride : pairs;
    out.chroma_stride =
        check_stride(frame.chroma_stride ? frame.chroma_stride : follows, pairs, "chroma_stride");
  }
  return out;
}

rppg::Box crop(const rppg_box* box) {
  require(box, "box");
  return {box->x0, box->y0, box->x1, box->y1};
}

const rppg::Kernels& kernels(const char* backend) {
  return rppg::select_kernels(backend ? backend : "auto");
}

rppg::PulseOptions pulse_options(const rppg_stream_options& options) {
  rppg::PulseOptions out;
  out.rate = options.rate_hz;
  out.low = options.low_hz;
  out.high = options.high_hz;
  out.order = options.order;
  out.window = options.window_s;
  out.min_confidence = options.min_confidence;
  out.peaks = options.peaks;
  out.max_gap = options.max_gap_s;
  return out;
}

rppg_stream_options default_options() {
  const rppg::PulseOptions defaults;
  rppg_stream_options out{};
  out.rate_hz = defaults.rate;
  out.low_hz = defaults.low;
  out.high_hz = defaults.high;
  out.order = defaults.order;
  out.window_s = defaults.window;
  out.min_confidence = defaults.min_confidence;
  out.peaks = defaults.peaks;
  out.max_gap_s = defaults.max_gap;
  return out;
}

constexpr const char* kStatusNames[] = {"warming_up", "ok", "no_face", "low_signal", "gap"};
static_assert(static_cast<int>(rppg::Status::warming_up) == RPPG_STATUS_WARMING_UP);
static_assert(static_cast<int>(rppg::Status::ok) == RPPG_STATUS_OK);
static_assert(static_cast<int>(rppg::Status::no_face) == RPPG_STATUS_NO_FACE);
static_assert(static_cast<int>(rppg::Status::low_signal) == RPPG_STATUS_LOW_SIGNAL);
static_assert(static_cast<int>(rppg::Status::gap) == RPPG_STATUS_GAP);
static_assert(RPPG_SIDE == rppg::kSide && RPPG_PIXELS == rppg::kPixels);

std::vector<char> read_file(const char* path) {
  const auto fail = [&] {
    throw FileError(std::string(path) + ": " + std::generic_category().message(errno));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "rb"), std::fclose);
  if (!file) fail();
  std::vector<char> bytes;
  char piece[4096];
  while (const std::size_t count = std::fread(piece, 1, sizeof piece, file.get()))
    bytes.insert(bytes.end(), piece, piece + count);
  if (std::ferror(file.get())) fail();
  return bytes;
}

std::shared_ptr<const rppg::StudentWeights> read_weights(const void* data, std::size_t size,
                                                         const std::string& source) {
  try {
    return rppg::read_weights(data, size, source);
  } catch (const std::invalid_argument& error) {
    throw WeightsError(error.what());
  }
}

}  // namespace

struct rppg_model : Handle {
  std::shared_ptr<const rppg::StudentWeights> weights;
};

struct rppg_stream : Handle {
  std::unique_ptr<rppg::Stream> stream;
};

struct rppg_recording : Handle {
  std::unique_ptr<rppg::Recording> recording;
};

struct rppg_student : Handle {
  std::unique_ptr<rppg::Student> student;
  std::unique_ptr<rppg::StudentScratch> scratch;
  std::unique_ptr<rppg::AreaResize> resize;
};

const char* rppg_version(void) { return RPPG_VERSION; }

int rppg_abi_version(void) { return RPPG_ABI_MAJOR * 1000 + RPPG_ABI_MINOR; }

const char* const* rppg_backends(void) { return rppg::available_backends(); }

const char* rppg_status_name(int status) {
  constexpr int kCount = sizeof kStatusNames / sizeof *kStatusNames;
  return status >= 0 && status < kCount ? kStatusNames[status] : "unknown";
}

int rppg_model_create_default(rppg_model** model) {
  return rppg_model_create_from_memory(rppg::kBundledWeights, rppg::kBundledSize,
                                       "the bundled weights", model);
}

int rppg_model_create_from_file(const char* path, rppg_model** model) {
  return create(model, [&](rppg_model& made) {
    require(path, "path");
    const std::vector<char> bytes = read_file(path);
    made.weights = read_weights(bytes.data(), bytes.size(), path);
  });
}

int rppg_model_create_from_memory(const void* data, size_t size, const char* name,
                                  rppg_model** model) {
  return create(model, [&](rppg_model& made) {
    require(data, "data");
    made.weights = read_weights(data, size, name ? name : "the weights");
  });
}

const char* rppg_model_metadata(const rppg_model* model, const char* key) {
  if (!model || !model->weights || !key) return nullptr;
  // Compared without a key of its own, which could not be allocated without an exception.
  for (const auto& entry : model->weights->metadata)
    if (entry.first == key) return entry.second.c_str();
  return nullptr;
}

const char* rppg_model_message(const rppg_model* model) { return message_of(model); }

void rppg_model_free(rppg_model* model) { delete model; }

void rppg_stream_options_init(rppg_stream_options* options, size_t struct_size) {
  if (options && struct_size >= sizeof struct_size) give(default_options(), options, struct_size);
}

int rppg_stream_create(const rppg_model* model, const rppg_stream_options* options,
                       rppg_stream** stream) {
  return create(stream, [&](rppg_stream& made) {
    require(model, "model");
    filled(model->weights, "model");
    const rppg_stream_options chosen =
        options ? take(options, &rppg_stream_options::backend, "options") : default_options();
    const auto student =
        std::make_shared<const rppg::Student>(model->weights, kernels(chosen.backend));
    made.stream = std::make_unique<rppg::Stream>(student, pulse_options(chosen));
  });
}

int rppg_stream_push(rppg_stream* stream, const rppg_frame* frame, const rppg_box* box,
                     double time_s, rppg_reading* reading) {
  return guarded(stream, [&] {
    check_size(reading, &rppg_reading::end_s, "reading");
    const rppg::Reading read =
        filled(stream->stream, "stream").push(view(frame), crop(box), time_s);
    rppg_reading out{};
    out.status = static_cast<int>(read.status);
    out.heart_rate_bpm = read.heart_rate;
    out.snr_db = read.snr_db;
    out.confidence = read.confidence;
    out.time_s = time_s;
    out.start_s = read.start;
    out.end_s = read.end;
    give(out, reading, reading->struct_size);
  });
}

int rppg_stream_rebox(rppg_stream* stream, const rppg_frame* frame, const rppg_box* box) {
  return guarded(stream, [&] { filled(stream->stream, "stream").rebox(view(frame), crop(box)); });
}

void rppg_stream_reset(rppg_stream* stream) {
  if (stream && stream->stream) stream->stream->reset();
}

int rppg_stream_pulse(rppg_stream* stream, double* values, size_t capacity, size_t* count,
                      double* first_s) {
  return guarded(stream, [&] {
    require(count, "count");
    require(first_s, "first_s");
    if (capacity) require(values, "values");
    const rppg::PulseWindow& pulse = filled(stream->stream, "stream").pulse();
    *count = std::min(capacity, pulse.size());
    pulse.copy_newest(*count, values);
    *first_s = pulse.sample_time(pulse.total() - *count);
  });
}

const char* rppg_stream_message(const rppg_stream* stream) { return message_of(stream); }

void rppg_stream_free(rppg_stream* stream) { delete stream; }

int rppg_recording_create(double step_s, double max_gap_s, rppg_recording** recording) {
  return create(recording, [&](rppg_recording& made) {
    made.recording = std::make_unique<rppg::Recording>(
        step_s, max_gap_s != 0 ? max_gap_s : rppg::PulseOptions{}.max_gap);
  });
}

int rppg_recording_take(rppg_recording* recording, const rppg_reading* reading, int* counts) {
  return guarded(recording, [&] {
    const rppg_reading given = take(reading, &rppg_reading::end_s, "reading");
    if (given.status < 0 || given.status > RPPG_STATUS_GAP)
      throw std::invalid_argument("reading: there is no status " + std::to_string(given.status));
    if (!std::isfinite(given.time_s))
      throw std::invalid_argument("reading: time_s must be a finite number");
    const bool took =
        filled(recording->recording, "recording")
            .take(given.time_s, {static_cast<rppg::Status>(given.status), given.heart_rate_bpm,
                                 given.snr_db, given.confidence, given.start_s, given.end_s});
    if (counts) *counts = took;
  });
}

int rppg_recording_summarise(rppg_recording* recording, rppg_summary* summary) {
  return guarded(recording, [&] {
    check_size(summary, &rppg_summary::fps, "summary");
    const rppg::Summary found = filled(recording->recording, "recording").summary();
    rppg_summary out{};
    out.status = static_cast<int>(found.status);
    out.heart_rate_bpm = found.heart_rate;
    out.snr_db = found.snr_db;
    out.confidence = found.confidence;
    out.frames = found.frames;
    out.duration_s = found.duration;
    out.fps = found.fps;
    give(out, summary, summary->struct_size);
  });
}

void rppg_recording_forget(rppg_recording* recording) {
  if (recording && recording->recording) recording->recording->forget();
}

const char* rppg_recording_message(const rppg_recording* recording) {
  return message_of(recording);
}

void rppg_recording_free(rppg_recording* recording) { delete recording; }

int rppg_student_create(const rppg_model* model, const char* backend, rppg_student** student) {
  return create(student, [&](rppg_student& made) {
    require(model, "model");
    filled(model->weights, "model");
    const rppg::Kernels& chosen = kernels(backend);
    made.resize = std::make_unique<rppg::AreaResize>(chosen);
    made.scratch = std::make_unique<rppg::StudentScratch>();
    rppg::clear_borders(*made.scratch);
    made.student = std::make_unique<rppg::Student>(model->weights, chosen);
  });
}

int rppg_student_appearance(rppg_student* student, const rppg_frame* frame, const rppg_box* box,
                            float* appearance) {
  return guarded(student, [&] {
    filled(student->student, "student");
    require(appearance, "appearance");
    const rppg::FrameView pixels = view(frame);
    rppg::check_box(crop(box), pixels);
    student->resize->run(pixels, crop(box), appearance);
  });
}

int rppg_student_motion(rppg_student* student, const float* before, const float* after,
                        float* motion) {
  return guarded(student, [&] {
    const rppg::Student& network = filled(student->student, "student");
    require(before, "before");
    require(after, "after");
    require(motion, "motion");
    rppg::compute_motion(network.kernels(), network.weights().input, before, after, rppg::kPixels,
                         motion);
  });
}

int rppg_student_changes(rppg_student* student, const float* motions, size_t count,
                         float* changes) {
  return guarded(student, [&] {
    const rppg::Student& network = filled(student->student, "student");
    if (count) {
      require(motions, "motions");
      require(changes, "changes");
    }
    for (std::size_t i = 0; i < count; ++i)
      changes[i] = network.change(motions + i * rppg::kPixels, *student->scratch);
  });
}

const char* rppg_student_backend(const rppg_student* student) {
  return student && student->student ? student->student->kernels().name : "";
}

const char* rppg_student_message(const rppg_student* student) { return message_of(student); }

void rppg_student_free(rppg_student* student) { delete student; }
