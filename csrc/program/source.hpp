// The sources of frames.
#pragma once

#include <rppg_fast.h>

#include <memory>
#include <stdexcept>

#include "options.hpp"

// An error in the input; the message names the input.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Source {
 public:
  virtual ~Source() = default;

  // Returns the next frame and its time in s; the frame is valid until the next call. Returns false
  // at the end and after a signal. Throws InputError.
  virtual bool next(rppg_frame& frame, double& time) = 0;
};

// Standard input, and a V4L2 camera. Both throw InputError.
std::unique_ptr<Source> open_pipe(const Options& options);
std::unique_ptr<Source> open_camera(const Options& options);

// A frame of a format and size, with range and matrix from the options.
rppg_frame frame_of(const Options& options, int format, int width, int height);

// Prints one line of warning on standard error.
void warn(const std::string& message);

// Returns `what: why` for a system error number.
std::string system_message(const std::string& what, int error);
