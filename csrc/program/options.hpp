// The options of the command line.
#pragma once

#include <rppg_fast.h>

#include <stdexcept>
#include <string>

// A wrong command line; the message names the option.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The form of the input: raw frames without a header; YUV4MPEG2 with a header; JPEG pictures; or
// detected from the first bytes.
enum class Intake { raw, y4m, mjpg, automatic };

// Longest side of a frame that the library accepts, pixels.
inline constexpr int kLongestSide = 65536;

// The value of Options::matrix without the option --matrix.
inline constexpr int kNoMatrix = -1;

struct Options {
  int width = 0, height = 0;  // pixels; 0: taken from the stream's header
  Intake intake = Intake::raw;
  int format = RPPG_FORMAT_BGR24;  // of raw frames
  int range = RPPG_RANGE_DEFAULT;
  int matrix = kNoMatrix;
  double fps = 0;        // Hz; 0: not given
  std::string times;     // file with the time of one frame per line, s
  bool arrival = false;  // a frame's time is the time of its arrival
  std::string camera;    // V4L2 device instead of standard input
  rppg_box box{};
  bool has_box = false;
  std::string weights;  // file, instead of the bundled weights
  double step = 1.0;    // from one reading to the next, s
  bool summary = false;
  rppg_stream_options stream{};
  bool help = false, version = false;
};

extern const char kHelp[];

// Throws UsageError.
Options parse_options(int count, char** arguments);
