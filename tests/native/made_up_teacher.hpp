// A teacher with arbitrary weights, for tests that do not check its output.
#pragma once

#include <cstdint>
#include <memory>
#include <random>

#include "network/teacher.hpp"

inline std::shared_ptr<const rppg::Teacher> made_up_teacher() {
  auto weights = std::make_unique<rppg::TeacherWeights>();
  weights->input = rppg::MotionKind::normalized;
  std::minstd_rand random(1);
  // The packed weights consist of floats only.
  auto* const values = reinterpret_cast<float*>(&weights->packed);
  for (std::size_t i = 0; i < sizeof weights->packed / sizeof *values; ++i)
    values[i] = 0.01f * (static_cast<float>(random() % 201) - 100.0f) / 100.0f;
  return std::make_shared<const rppg::Teacher>(std::move(weights), rppg::select_kernels("auto"));
}
