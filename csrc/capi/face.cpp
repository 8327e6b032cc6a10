// The C interface of face detection; rppg_fast.h documents it.
#include "capi/face.hpp"

#include <optional>

using namespace rppg::capi;

struct rppg_face_detector : Handle {
  std::unique_ptr<rppg::FaceDetector> detector;
  double box_scale;
};

namespace {

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
        filled(detector->detector, "detector").redetect(view(frame), face_of(before, "before"));
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
