// Warns once, on standard error, if frames look like another format or width than the options
// state.
#pragma once

#include <rppg_fast.h>

class FormatCheck {
 public:
  // Examines a frame of raw bytes without padding; does nothing after enough frames.
  void see(const rppg_frame& frame);

 private:
  int left_ = 12;                // frames still to be examined
  int format_ = -1, width_ = 0;  // what the last suspicious frame looked like
};
