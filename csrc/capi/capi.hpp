// Handles, arguments and errors, which all files of the C interface use.
#pragma once

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

#include "frame/formats.hpp"
#include "frame/resize.hpp"
#include "monitor/stream.hpp"
#include "network/student.hpp"
#include "network/teacher.hpp"
#include "rppg_fast.h"

namespace rppg::capi {

// The message has a fixed size, so that writing it needs no memory and cannot fail.
struct Handle {
  char message[512] = "";
};

struct FileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct WeightsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline int complain(Handle& handle, int code, const char* message) {
  std::snprintf(handle.message, sizeof handle.message, "%s", message);
  return code;
}

// Runs `use`, and turns an exception into a code and the message of the handle.
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

// Makes a handle and fills it. If filling fails, the handle stays and holds the message.
template <typename Kind, typename Fill>
int create(Kind** out, Fill&& fill) noexcept {
  if (!out) return RPPG_ERROR_ARGUMENT;
  *out = new (std::nothrow) Kind;
  return *out ? guarded(**out, [&] { fill(**out); }) : RPPG_ERROR_MEMORY;
}

inline const char* message_of(const Handle* handle) { return handle ? handle->message : ""; }

inline void require(const void* pointer, const char* name) {
  if (!pointer) throw std::invalid_argument(std::string(name) + " is NULL");
}

// The content of a handle. Throws std::invalid_argument if its creation failed.
template <typename Pointer>
auto& filled(const Pointer& pointer, const char* name) {
  if (!pointer) throw std::invalid_argument(std::string(name) + " could not be created");
  return *pointer;
}

// Checks the size of a struct. In the first release its last member was `last`.
template <typename Struct, typename Last>
void check_size(const Struct* given, Last Struct::* last, const char* name) {
  require(given, name);
  const auto* const begin = reinterpret_cast<const char*>(given);
  const auto* const end = reinterpret_cast<const char*>(&(given->*last) + 1);
  if (given->struct_size < static_cast<std::size_t>(end - begin))
    throw std::invalid_argument(std::string(name) + ": struct_size must be its size, is " +
                                std::to_string(given->struct_size));
}

// Copies the members of a struct that the caller knows; the others are 0.
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

// Fills in the members of a struct that the caller knows. Members that only the caller knows become
// 0.
template <typename Struct>
void give(const Struct& own, Struct* out, std::size_t size) {
  std::memset(static_cast<void*>(out), 0, size);
  std::memcpy(static_cast<void*>(out), &own, std::min(size, sizeof own));
  std::memcpy(static_cast<void*>(out), &size, sizeof size);
}

inline std::ptrdiff_t check_stride(std::ptrdiff_t stride, std::ptrdiff_t bytes, const char* name) {
  if (stride < bytes && -stride < bytes)
    throw std::invalid_argument(std::string("frame: ") + name + " " + std::to_string(stride) +
                                " is less than a row's " + std::to_string(bytes) + " bytes");
  return stride;
}

inline void check_number(int number, int last, const char* name) {
  if (number < 0 || number > last)
    throw std::invalid_argument(std::string("frame: there is no ") + name + " " +
                                std::to_string(number));
}

inline const rppg::Format& format_of(int number) {
  check_number(number, rppg::kFormatCount - 1, "format");
  return rppg::kFormats[number];
}

// The stride of the chroma, bytes, that belongs to a stride of the luma.
inline std::ptrdiff_t chroma_part(std::ptrdiff_t stride, const rppg::Format& format) {
  const std::ptrdiff_t shared = format.blocks == 2 ? 1 : std::ptrdiff_t{1} << format.shift_x;
  return stride < 0 ? -((shared - 1 - stride) / shared) : (stride + shared - 1) / shared;
}

inline rppg::FrameView view(const rppg_frame* given) {
  const rppg_frame frame = take(given, &rppg_frame::chroma_stride, "frame");
  require(frame.data, "frame: data");
  if (frame.width < 1 || frame.height < 1 ||
      std::max(frame.width, frame.height) > rppg::kLongestSide)
    throw std::invalid_argument(
        "frame: its sides must be from 1 to " + std::to_string(rppg::kLongestSide) +
        " pixels, are " + std::to_string(frame.width) + " and " + std::to_string(frame.height));
  const rppg::Format& format = format_of(frame.format);
  check_number(frame.range, RPPG_RANGE_FULL, "range");
  check_number(frame.matrix, RPPG_MATRIX_BT2020, "matrix");
  if (format.blocks == 1 && format.shift_x && frame.width % 2)
    throw std::invalid_argument(std::string("frame: the width of ") + format.name +
                                " must be even, is " + std::to_string(frame.width));
  const std::ptrdiff_t bytes = format.row_bytes(0, frame.width);
  const std::ptrdiff_t stride = check_stride(frame.stride ? frame.stride : bytes, bytes, "stride");
  const std::uint8_t* blocks[3] = {frame.data};
  std::ptrdiff_t strides[3] = {stride};
  if (format.blocks > 1) {
    // If the width is odd, the last sample of chroma is still whole.
    const std::ptrdiff_t chroma_bytes = format.row_bytes(1, frame.width);
    const std::ptrdiff_t chroma_stride = frame.chroma_stride ? frame.chroma_stride
                                         : frame.stride      ? chroma_part(stride, format)
                                                             : chroma_bytes;
    strides[1] = strides[2] = check_stride(chroma_stride, chroma_bytes, "chroma_stride");
    blocks[1] = frame.chroma ? frame.chroma : frame.data + frame.height * stride;
    blocks[2] =
        frame.chroma_v ? frame.chroma_v : blocks[1] + format.rows(1, frame.height) * strides[1];
  }
  rppg::FrameView out = format.view(frame.width, frame.height, blocks, strides);
  if (frame.range != RPPG_RANGE_DEFAULT) out.full_range = frame.range == RPPG_RANGE_FULL;
  out.matrix = static_cast<rppg::Matrix>(frame.matrix);
  return out;
}

inline rppg::Box crop(const rppg_box* box) {
  require(box, "box");
  return {box->x0, box->y0, box->x1, box->y1};
}

inline const rppg::Kernels& kernels(const char* backend) {
  return rppg::select_kernels(backend ? backend : "auto");
}

inline rppg::PulseOptions pulse_options(const rppg_stream_options& options) {
  rppg::PulseOptions out;
  out.rate = options.rate_hz;
  out.low = options.low_hz;
  out.high = options.high_hz;
  out.order = options.order;
  out.window = options.window_s;
  out.min_confidence = options.min_confidence;
  out.peaks = options.peaks;
  out.max_gap = options.max_gap_s;
  if (options.min_window_s != 0) out.min_window = options.min_window_s;
  if (options.method) out.method = rppg::method_named(options.method);
  return out;
}

inline rppg_stream_options default_options() {
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
  out.min_window_s = defaults.min_window;
  out.method = rppg::name_of(defaults.method);
  return out;
}

inline std::vector<char> read_file(const char* path) {
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

// The weights that `read` reads from bytes. Its std::invalid_argument becomes a WeightsError.
template <typename Read>
auto read_weights(Read&& read, const void* data, std::size_t size, const std::string& source) {
  try {
    return read(data, size, source);
  } catch (const std::invalid_argument& error) {
    throw WeightsError(error.what());
  }
}

inline void give_reading(const rppg::Reading& read, double time_s, rppg_reading* reading) {
  rppg_reading out{};
  out.status = static_cast<int>(read.status);
  out.heart_rate_bpm = read.heart_rate;
  out.snr_db = read.snr_db;
  out.confidence = read.confidence;
  out.time_s = time_s;
  out.start_s = read.start;
  out.end_s = read.end;
  out.coverage = read.coverage;
  out.candidate_bpm = read.candidate;
  out.source = std::isnan(read.candidate) ? nullptr : rppg::name_of(read.source);
  give(out, reading, reading->struct_size);
}

inline void give_pulse(rppg::PulseWindow& pulse, double* values, std::size_t capacity,
                       std::size_t* count, double* first_s) {
  require(count, "count");
  require(first_s, "first_s");
  if (capacity) require(values, "values");
  *count = std::min(capacity, pulse.size());
  pulse.copy_live(*count, values);
  *first_s = pulse.sample_time(pulse.total() - *count);
}

}  // namespace rppg::capi

// The weights of one network: the other pointer is empty.
struct rppg_model : rppg::capi::Handle {
  std::shared_ptr<const rppg::StudentWeights> student;
  std::shared_ptr<const rppg::TeacherWeights> teacher;
};

namespace rppg::capi {

// Checks that the creation of a model succeeded.
inline const rppg_model& filled(const rppg_model* model) {
  require(model, "model");
  if (!model->teacher) filled(model->student, "model");
  return *model;
}

inline std::shared_ptr<const rppg::Network> make_network(const rppg_model& model,
                                                         const rppg::Kernels& kernels) {
  if constexpr (rppg::kHasTeacher)
    if (model.teacher) return std::make_shared<const rppg::Teacher>(model.teacher, kernels);
  return std::make_shared<const rppg::Student>(model.student, kernels);
}

}  // namespace rppg::capi
