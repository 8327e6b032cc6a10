// What the C interfaces of face detection and of the monitor share.
#pragma once

#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>

#include "capi/capi.hpp"
#include "face/mtcnn.hpp"
#include "monitor/monitor.hpp"

struct rppg_face_model : rppg::capi::Handle {
  std::shared_ptr<const rppg::FaceNetworks> networks;
};

namespace rppg::capi {

inline rppg_face_options default_face_options(double box_scale = rppg::kBoxScale) {
  rppg_face_options out{};
  out.min_face_px = rppg::DetectorOptions{}.min_face_size;
  out.box_scale = box_scale;
  return out;
}

// The options of the caller, or the defaults with this scale.
inline rppg_face_options take_face_options(const rppg_face_options* given,
                                           double box_scale = rppg::kBoxScale) {
  const rppg_face_options options =
      given ? take(given, &rppg_face_options::backend, "options") : default_face_options(box_scale);
  if (!(std::isfinite(options.box_scale) && options.box_scale > 0))
    throw std::invalid_argument("box_scale must be a positive number, is " +
                                std::to_string(options.box_scale));
  return options;
}

// 0 stands for the default.
inline rppg::DetectorOptions detector_options(const rppg_face_options& options) {
  rppg::DetectorOptions out;
  out.min_face_size = options.min_face_px;
  for (std::size_t i = 0; i < out.thresholds.size(); ++i)
    if (options.thresholds[i] != 0) out.thresholds[i] = options.thresholds[i];
  if (options.pyramid_factor != 0) out.factor = options.pyramid_factor;
  return out;
}

}  // namespace rppg::capi
