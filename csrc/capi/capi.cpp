// The C interface but for faces: checks arguments and turns errors into codes. It does no
// arithmetic. rppg_fast.h documents it.
#include "capi/capi.hpp"

#include <cmath>

#include "capi/bundled.hpp"
#include "frame/format_guess.hpp"
#include "reading/summary.hpp"

using namespace rppg::capi;

namespace {

constexpr const char* kStatusNames[] = {"warming_up", "ok", "no_face", "low_signal", "gap"};
static_assert(static_cast<int>(rppg::Status::warming_up) == RPPG_STATUS_WARMING_UP);
static_assert(static_cast<int>(rppg::Status::ok) == RPPG_STATUS_OK);
static_assert(static_cast<int>(rppg::Status::no_face) == RPPG_STATUS_NO_FACE);
static_assert(static_cast<int>(rppg::Status::low_signal) == RPPG_STATUS_LOW_SIGNAL);
static_assert(static_cast<int>(rppg::Status::gap) == RPPG_STATUS_GAP);
static_assert(static_cast<int>(rppg::Matrix::bt2020) == RPPG_MATRIX_BT2020);
static_assert(RPPG_SIDE == rppg::kSide && RPPG_PIXELS == rppg::kPixels);

void fill(rppg_model& model, const void* data, std::size_t size, const char* name) {
  if constexpr (rppg::kHasTeacher) {
    if (rppg::is_teacher_file(data, size)) {
      model.teacher = read_weights(rppg::read_teacher_weights, data, size, name);
      return;
    }
  }
  model.student = read_weights(rppg::read_weights, data, size, name);
}

}  // namespace

struct rppg_stream : Handle {
  std::unique_ptr<rppg::Stream> stream;
};

struct rppg_recording : Handle {
  std::unique_ptr<rppg::RecordingSummary> recording;
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

const char* rppg_format_name(int format) {
  return format >= 0 && format < rppg::kFormatCount ? rppg::kFormats[format].name : nullptr;
}

size_t rppg_format_bytes(int format, int32_t width, int32_t height) {
  const bool known = rppg_format_name(format) && width >= 1 && height >= 1 &&
                     std::max(width, height) <= rppg::kLongestSide;
  return known ? rppg::kFormats[format].bytes(width, height) : 0;
}

int rppg_format_guess(int format, int32_t width, int32_t height, const uint8_t* data,
                      int* likely_format, int32_t* likely_width) {
  if (rppg_format_bytes(format, width, height) == 0 || !data) return 0;
  const std::optional<rppg::FormatGuess> guess =
      rppg::guess_format(rppg::kFormats[format], width, height, data);
  if (!guess) return 0;
  if (likely_format) *likely_format = static_cast<int>(guess->format - rppg::kFormats);
  if (likely_width) *likely_width = guess->width;
  return 1;
}

int rppg_model_create_default(rppg_model** model) {
  return rppg_model_create_from_memory(rppg::kBundledWeights, rppg::kBundledSize,
                                       "the bundled weights", model);
}

int rppg_model_create_from_file(const char* path, rppg_model** model) {
  return create(model, [&](rppg_model& made) {
    require(path, "path");
    const std::vector<char> bytes = read_file(path);
    fill(made, bytes.data(), bytes.size(), path);
  });
}

int rppg_model_create_from_memory(const void* data, size_t size, const char* name,
                                  rppg_model** model) {
  return create(model, [&](rppg_model& made) {
    require(data, "data");
    fill(made, data, size, name ? name : "the weights");
  });
}

const char* rppg_model_metadata(const rppg_model* model, const char* key) {
  if (!model || !key || !(model->student || model->teacher)) return nullptr;
  // Compares without making a std::string, because that could throw.
  for (const auto& entry : model->student ? model->student->metadata : model->teacher->metadata)
    if (entry.first == key) return entry.second.c_str();
  return nullptr;
}

const char* rppg_model_network(const rppg_model* model) {
  return model && model->teacher ? "teacher" : model && model->student ? "student" : "";
}

const char* rppg_model_message(const rppg_model* model) { return message_of(model); }

void rppg_model_free(rppg_model* model) { delete model; }

void rppg_stream_options_init(rppg_stream_options* options, size_t struct_size) {
  if (options && struct_size >= sizeof struct_size) give(default_options(), options, struct_size);
}

int rppg_stream_create(const rppg_model* model, const rppg_stream_options* options,
                       rppg_stream** stream) {
  return create(stream, [&](rppg_stream& made) {
    filled(model);
    const rppg_stream_options chosen =
        options ? take(options, &rppg_stream_options::backend, "options") : default_options();
    made.stream = std::make_unique<rppg::Stream>(make_network(*model, kernels(chosen.backend)),
                                                 pulse_options(chosen));
  });
}

int rppg_stream_push(rppg_stream* stream, const rppg_frame* frame, const rppg_box* box,
                     double time_s, rppg_reading* reading) {
  return guarded(stream, [&] {
    check_size(reading, &rppg_reading::end_s, "reading");
    const rppg::Reading read =
        filled(stream->stream, "stream").push(view(frame), crop(box), time_s);
    give_reading(read, time_s, reading);
  });
}

int rppg_stream_rebox(rppg_stream* stream, const rppg_frame* frame, const rppg_box* box) {
  return guarded(stream, [&] { filled(stream->stream, "stream").rebox(view(frame), crop(box)); });
}

void rppg_stream_reset(rppg_stream* stream) {
  if (stream && stream->stream) (*stream->stream).reset();
}

int rppg_stream_pulse(rppg_stream* stream, double* values, size_t capacity, size_t* count,
                      double* first_s) {
  return guarded(stream, [&] {
    give_pulse(filled(stream->stream, "stream").pulse(), values, capacity, count, first_s);
  });
}

const char* rppg_stream_message(const rppg_stream* stream) { return message_of(stream); }

void rppg_stream_free(rppg_stream* stream) { delete stream; }

int rppg_recording_create(double step_s, double max_gap_s, rppg_recording** recording) {
  return create(recording, [&](rppg_recording& made) {
    made.recording = std::make_unique<rppg::RecordingSummary>(
        step_s, max_gap_s != 0 ? max_gap_s : rppg::PulseOptions{}.max_gap,
        rppg::PulseOptions{}.min_confidence);
  });
}

int rppg_recording_take(rppg_recording* recording, const rppg_reading* reading, int* counts) {
  return guarded(recording, [&] {
    const rppg_reading given = take(reading, &rppg_reading::end_s, "reading");
    if (given.status < 0 || given.status > RPPG_STATUS_GAP)
      throw std::invalid_argument("reading: there is no status " + std::to_string(given.status));
    if (!std::isfinite(given.time_s))
      throw std::invalid_argument("reading: time_s must be a finite number");
    rppg::Reading read{};
    read.status = static_cast<rppg::Status>(given.status);
    read.snr_db = given.snr_db;
    read.confidence = given.confidence;
    read.start = given.start_s;
    read.end = given.end_s;
    read.coverage = given.coverage;
    // A caller that was built for an older library has no candidate. Its ok windows use their heart
    // rate.
    read.candidate = given.candidate_bpm > 0 ? given.candidate_bpm : given.heart_rate_bpm;
    const bool took = filled(recording->recording, "recording").push(given.time_s, read);
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
    out.coverage = found.coverage;
    out.spread_bpm = found.spread;
    out.candidate_bpm = found.candidate;
    give(out, summary, summary->struct_size);
  });
}

int rppg_recording_set_min_confidence(rppg_recording* recording, double min_confidence) {
  return guarded(recording, [&] {
    filled(recording->recording, "recording").set_min_confidence(min_confidence);
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
    if (filled(model).teacher)
      throw std::invalid_argument("model holds a teacher; a student is needed here");
    const rppg::Kernels& chosen = kernels(backend);
    made.resize = std::make_unique<rppg::AreaResize>(chosen);
    made.scratch = std::make_unique<rppg::StudentScratch>();
    made.student = std::make_unique<rppg::Student>(model->student, chosen);
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
      changes[i] = network.predict(motions + i * rppg::kPixels, *student->scratch);
  });
}

const char* rppg_student_backend(const rppg_student* student) {
  return student && student->student ? student->student->kernels().name : "";
}

const char* rppg_student_message(const rppg_student* student) { return message_of(student); }

void rppg_student_free(rppg_student* student) { delete student; }
