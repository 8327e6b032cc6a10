// Where frames come from.
#pragma once

#include <rppg_fast.h>

#include <memory>
#include <stdexcept>

#include "options.hpp"

// What went wrong with the input; the message names it.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Source {
 public:
  virtual ~Source() = default;

  // The next frame, which lives until the next call, and its time, s. False at the end, and after a
  // signal. Throws InputError.
  virtual bool next(rppg_frame& frame, double& time) = 0;
};

// Standard input, and a V4L2 camera. Both throw InputError.
std::unique_ptr<Source> open_pipe(const Options& options);
std::unique_ptr<Source> open_camera(const Options& options);

// A frame of a format and size, its range and matrix as the options say.
rppg_frame frame_of(const Options& options, int format, int width, int height);

// One line on standard error of what is suspicious.
void warn(const std::string& message);

// `what: why`, for the system's error number.
std::string system_message(const std::string& what, int error);
