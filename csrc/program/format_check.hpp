// Says once, on standard error, that frames look like another format or width than was said.
#pragma once

#include <rppg_fast.h>

class FormatCheck {
 public:
  // Looks at a frame of raw bytes without gaps, until enough were seen.
  void see(const rppg_frame& frame);

 private:
  int left_ = 12;                // frames to look at
  int format_ = -1, width_ = 0;  // what a frame looked like
};
