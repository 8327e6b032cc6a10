// The C interface's faces and monitor; rppg_fast.h documents it.
#include <cmath>
#include <optional>

#include "capi/capi.hpp"
#include "monitor/monitor.hpp"

using namespace rppg::capi;

struct rppg_face_model : Handle {
  std::shared_ptr<const rppg::FaceNetworks> networks;
};

struct rppg_face_detector : Handle {
  std::unique_ptr<rppg::FaceDetector> detector;
  double box_scale;
};

struct rppg_monitor : Handle {
  std::unique_ptr<rppg::Monitor> monitor;
};

namespace {

// By measurement on real video, see training/RESULTS.md; the paper has 1.6.
constexpr double kBoxScale = 1.4;

rppg_face_options default_face_options() {
  rppg_face_options out{};
  out.min_face_px = rppg::DetectorOptions{}.min_face_size;
  out.box_scale = kBoxScale;
  return out;
}

rppg_face_options take_face_options(const rppg_face_options* given) {
  const rppg_face_options options =
      given ? take(given, &rppg_face_options::backend, "options") : default_face_options();
  if (!(std::isfinite(options.box_scale) && options.box_scale > 0))
    throw std::invalid_argument("box_scale must be a positive number, is " +
                                std::to_string(options.box_scale));
  return options;
}

rppg::DetectorOptions detector_options(const rppg_face_options& options) {
  rppg::DetectorOptions out;
  out.min_face_size = options.min_face_px;
  return out;
}

rppg::Face face_of(const rppg_face* given, const char* name) {
  require(given, name);
  rppg::Face face{given->x0, given->y0, given->x1, given->y1, given->probability, {}};
  for (std::size_t i = 0; i < face.landmarks.size(); ++i)
    face.landmarks[i] = {given->points_x[i], given->points_y[i]};
  return face;
}

void give_face(const rppg::Face& face, rppg_face& out) {
  out = {face.x0, face.y0, face.x1, face.y1, face.probability, {}, {}};
  for (std::size_t i = 0; i < face.landmarks.size(); ++i) {
    out.points_x[i] = face.landmarks[i].x;
    out.points_y[i] = face.landmarks[i].y;
  }
}

}  // namespace

int rppg_face_model_create_from_file(const char* path, rppg_face_model** model) {
  return create(model, [&](rppg_face_model& made) {
    require(path, "path");
    const std::vector<char> bytes = read_file(path);
    made.networks = read_weights(rppg::read_face_networks, bytes.data(), bytes.size(), path);
  });
}

int rppg_face_model_create_from_memory(const void* data, size_t size, const char* name,
                                       rppg_face_model** model) {
  return create(model, [&](rppg_face_model& made) {
    require(data, "data");
    made.networks = read_weights(rppg::read_face_networks, data, size, name ? name : "the weights");
  });
}

const char* rppg_face_model_message(const rppg_face_model* model) { return message_of(model); }

void rppg_face_model_free(rppg_face_model* model) { delete model; }

void rppg_face_options_init(rppg_face_options* options, size_t struct_size) {
  if (options && struct_size >= sizeof struct_size)
    give(default_face_options(), options, struct_size);
}

int rppg_face_detector_create(const rppg_face_model* model, const rppg_face_options* options,
                              rppg_face_detector** detector) {
  return create(detector, [&](rppg_face_detector& made) {
    require(model, "model");
    filled(model->networks, "model");
    const rppg_face_options chosen = take_face_options(options);
    made.detector = std::make_unique<rppg::FaceDetector>(model->networks, detector_options(chosen),
                                                         kernels(chosen.backend));
    made.box_scale = chosen.box_scale;
  });
}

int rppg_face_detector_find(rppg_face_detector* detector, const rppg_frame* frame, rppg_face* faces,
                            size_t capacity, size_t* count) {
  return guarded(detector, [&] {
    require(count, "count");
    if (capacity) require(faces, "faces");
    const std::vector<rppg::Face> found = filled(detector->detector, "detector").find(view(frame));
    *count = found.size();
    for (std::size_t i = 0; i < std::min(capacity, found.size()); ++i)
      give_face(found[i], faces[i]);
  });
}

int rppg_face_detector_look_again(rppg_face_detector* detector, const rppg_frame* frame,
                                  const rppg_face* before, rppg_face* face, int* seen) {
  return guarded(detector, [&] {
    require(face, "face");
    require(seen, "seen");
    const std::optional<rppg::Sight> found =
        filled(detector->detector, "detector").look_again(view(frame), face_of(before, "before"));
    *seen = found.has_value();
    if (found) give_face(found->face, *face);
  });
}

int rppg_face_detector_box(rppg_face_detector* detector, const rppg_face* face, int32_t width,
                           int32_t height, rppg_box* box) {
  return guarded(detector, [&] {
    filled(detector->detector, "detector");
    require(box, "box");
    const rppg::Box found =
        rppg::face_box(face_of(face, "face"), width, height, detector->box_scale);
    *box = {found.x0, found.y0, found.x1, found.y1};
  });
}

const char* rppg_face_detector_message(const rppg_face_detector* detector) {
  return message_of(detector);
}

void rppg_face_detector_free(rppg_face_detector* detector) { delete detector; }

int rppg_monitor_create(const rppg_model* model, const rppg_stream_options* options,
                        const rppg_face_model* face_model, const rppg_face_options* face_options,
                        rppg_monitor** monitor) {
  return create(monitor, [&](rppg_monitor& made) {
    require(model, "model");
    require(face_model, "face_model");
    filled(model->weights, "model");
    filled(face_model->networks, "face_model");
    const rppg_stream_options chosen =
        options ? take(options, &rppg_stream_options::backend, "options") : default_options();
    const rppg_face_options faces = take_face_options(face_options);
    const auto student =
        std::make_shared<const rppg::Student>(model->weights, kernels(chosen.backend));
    made.monitor =
        std::make_unique<rppg::Monitor>(student, pulse_options(chosen), face_model->networks,
                                        detector_options(faces), faces.box_scale);
  });
}

int rppg_monitor_push(rppg_monitor* monitor, const rppg_frame* frame, double time_s,
                      rppg_reading* reading, rppg_box* box) {
  return guarded(monitor, [&] {
    check_size(reading, &rppg_reading::end_s, "reading");
    rppg::Monitor& own = filled(monitor->monitor, "monitor");
    give_reading(own.push(view(frame), time_s), time_s, reading);
    const rppg::Box measured = own.box().value_or(rppg::Box{});
    if (box) *box = {measured.x0, measured.y0, measured.x1, measured.y1};
  });
}

int rppg_monitor_turned(const rppg_monitor* monitor) {
  return monitor && monitor->monitor ? monitor->monitor->turned() : 0;
}

void rppg_monitor_reset(rppg_monitor* monitor) {
  if (monitor && monitor->monitor) monitor->monitor->reset();
}

int rppg_monitor_pulse(rppg_monitor* monitor, double* values, size_t capacity, size_t* count,
                       double* first_s) {
  return guarded(monitor, [&] {
    give_pulse(filled(monitor->monitor, "monitor").pulse(), values, capacity, count, first_s);
  });
}

const char* rppg_monitor_message(const rppg_monitor* monitor) { return message_of(monitor); }

void rppg_monitor_free(rppg_monitor* monitor) { delete monitor; }
