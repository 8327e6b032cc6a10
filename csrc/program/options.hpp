// What the command line asks for.
#pragma once

#include <rppg_fast.h>

#include <stdexcept>
#include <string>

// A wrong command line; the message names the option.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// How frames come: without a header, one after the other; as YUV4MPEG2, with one; as JPEG pictures;
// or as the first bytes say.
enum class Intake { raw, y4m, mjpg, automatic };

// Longest side of a frame that the library takes, pixels.
inline constexpr int kLongestSide = 65536;

// Where the options say no matrix.
inline constexpr int kNoMatrix = -1;

struct Options {
  int width = 0, height = 0;  // 0: the header says them
  Intake intake = Intake::raw;
  int format = RPPG_FORMAT_BGR24;  // of raw frames
  int range = RPPG_RANGE_DEFAULT;
  int matrix = kNoMatrix;
  double fps = 0;        // Hz; 0: not given
  std::string times;     // file of one time a line, s
  bool arrival = false;  // a frame's time is when it comes
  std::string camera;    // V4L2 device in place of standard input
  rppg_box box{};
  bool has_box = false;
  std::string weights;  // file, in place of the bundled ones
  double step = 1.0;    // s
  bool summary = false;
  rppg_stream_options stream{};
  bool help = false, version = false;
};

extern const char kHelp[];

// Throws UsageError.
Options parse_options(int count, char** arguments);
