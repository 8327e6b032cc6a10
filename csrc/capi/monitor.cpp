// The C interface of the monitor; rppg_fast.h documents it.
#include "monitor/monitor.hpp"

#include <memory>
#include <optional>

#include "capi/face.hpp"

using namespace rppg::capi;

struct rppg_monitor : Handle {
  std::unique_ptr<rppg::Monitor> monitor;
};

namespace {

static_assert(RPPG_TRACKING_FOLLOW == 0);

rppg_monitor_options take_monitor_options(const rppg_monitor_options* given) {
  const rppg_monitor_options options =
      given ? take(given, &rppg_monitor_options::most_faces, "monitor_options")
            : rppg_monitor_options{};
  if (options.tracking != RPPG_TRACKING_FOLLOW && options.tracking != RPPG_TRACKING_PAPER)
    throw std::invalid_argument("monitor_options: there is no tracking " +
                                std::to_string(options.tracking));
  if (options.most_faces < 0)
    throw std::invalid_argument("monitor_options: most_faces must not be negative, is " +
                                std::to_string(options.most_faces));
  if (options.most_faces > 0 && options.tracking != RPPG_TRACKING_FOLLOW)
    throw std::invalid_argument("monitor_options: this tracking is for one face, not for several");
  return options;
}

rppg::Monitor& monitor_of(const rppg_monitor* monitor) {
  return filled(monitor->monitor, "monitor");
}

rppg::Monitor& one_face(const rppg_monitor* monitor) {
  rppg::Monitor& own = monitor_of(monitor);
  if (own.several())
    throw std::invalid_argument(
        "monitor measures several faces: call rppg_monitor_push_all and rppg_monitor_face");
  return own;
}

rppg_box box_of(const rppg::Box& box) { return {box.x0, box.y0, box.x1, box.y1}; }

}  // namespace

void rppg_monitor_options_init(rppg_monitor_options* options, size_t struct_size) {
  if (options && struct_size >= sizeof struct_size)
    give(rppg_monitor_options{}, options, struct_size);
}

int rppg_monitor_create(const rppg_model* model, const rppg_stream_options* options,
                        const rppg_face_model* face_model, const rppg_face_options* face_options,
                        rppg_monitor** monitor) {
  return rppg_monitor_create_with_options(model, options, face_model, face_options, nullptr,
                                          monitor);
}

int rppg_monitor_create_with_options(const rppg_model* model, const rppg_stream_options* options,
                                     const rppg_face_model* face_model,
                                     const rppg_face_options* face_options,
                                     const rppg_monitor_options* monitor_options,
                                     rppg_monitor** monitor) {
  return create(monitor, [&](rppg_monitor& made) {
    filled(model);
    require(face_model, "face_model");
    filled(face_model->networks, "face_model");
    const rppg_stream_options chosen =
        options ? take(options, &rppg_stream_options::backend, "options") : default_options();
    const rppg_monitor_options which = take_monitor_options(monitor_options);
    const bool follow = which.tracking == RPPG_TRACKING_FOLLOW;
    const rppg_face_options faces =
        take_face_options(face_options, follow ? rppg::kBoxScale : rppg::kPaperBoxScale);
    const auto network = make_network(*model, kernels(chosen.backend));
    const rppg::PulseOptions pulse = pulse_options(chosen);
    made.monitor = std::make_unique<rppg::Monitor>(
        pulse, [network, pulse] { return std::make_unique<rppg::Stream>(network, pulse); },
        std::make_shared<rppg::FaceDetector>(face_model->networks, detector_options(faces),
                                             network->kernels()),
        rppg::MonitorOptions{faces.box_scale, follow, which.most_faces > 0, which.most_faces});
  });
}

int rppg_monitor_push(rppg_monitor* monitor, const rppg_frame* frame, double time_s,
                      rppg_reading* reading, rppg_box* box) {
  return guarded(monitor, [&] {
    check_size(reading, &rppg_reading::end_s, "reading");
    rppg::Monitor& own = one_face(monitor);
    own.push(view(frame), time_s);
    give_reading(own.reading(), time_s, reading);
    if (box) *box = own.faces().empty() ? rppg_box{} : box_of(own.faces().front().box);
  });
}

int rppg_monitor_push_all(rppg_monitor* monitor, const rppg_frame* frame, double time_s,
                          size_t* count) {
  return guarded(monitor, [&] {
    require(count, "count");
    rppg::Monitor& own = monitor_of(monitor);
    own.push(view(frame), time_s);
    *count = own.faces().size();
  });
}

int rppg_monitor_face(rppg_monitor* monitor, size_t index, int64_t* number, rppg_reading* reading,
                      rppg_box* box, int32_t* turned) {
  return guarded(monitor, [&] {
    const rppg::Monitor& own = monitor_of(monitor);
    if (reading) check_size(reading, &rppg_reading::end_s, "reading");
    if (index >= own.faces().size())
      throw std::invalid_argument("index must be less than the number of faces, " +
                                  std::to_string(own.faces().size()) + ", is " +
                                  std::to_string(index));
    const rppg::MonitoredFace& face = own.faces()[index];
    if (number) *number = face.id;
    if (reading) give_reading(face.reading, own.time(), reading);
    if (box) *box = box_of(face.box);
    if (turned) *turned = face.turned;
  });
}

int rppg_monitor_face_pulse(rppg_monitor* monitor, int64_t number, double* values, size_t capacity,
                            size_t* count, double* first_s) {
  return guarded(monitor, [&] {
    const rppg::MonitoredFace* const face = monitor_of(monitor).find(number);
    if (!face)
      throw std::invalid_argument("number: face " + std::to_string(number) + " is not there");
    give_pulse(face->stream->pulse(), values, capacity, count, first_s);
  });
}

int rppg_monitor_turned(const rppg_monitor* monitor) {
  if (!monitor || !monitor->monitor || monitor->monitor->faces().empty()) return 0;
  return monitor->monitor->faces().front().turned;
}

void rppg_monitor_reset(rppg_monitor* monitor) {
  if (monitor && monitor->monitor) (*monitor->monitor).reset();
}

int rppg_monitor_pulse(rppg_monitor* monitor, double* values, size_t capacity, size_t* count,
                       double* first_s) {
  return guarded(monitor, [&] {
    give_pulse(one_face(monitor).only().stream->pulse(), values, capacity, count, first_s);
  });
}

const char* rppg_monitor_message(const rppg_monitor* monitor) { return message_of(monitor); }

void rppg_monitor_free(rppg_monitor* monitor) { delete monitor; }
