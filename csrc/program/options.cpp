#include "options.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

const char kHelp[] =
    R"(usage: rppg-fast-stream --size WxH (--fps FPS | --times FILE | --arrival) [options] < FRAMES
       rppg-fast-stream --format y4m [options] < STREAM
       rppg-fast-stream --size WxH --camera DEVICE [--fps FPS] [options]

Heart rate from frames on standard input or from a V4L2 camera: one line of JSON for every reading
on standard output. Not a medical device.

  --size WxH           frame size in pixels; not of y4m and mjpg, which say it themselves
  --format FORMAT      raw frames, rows without a gap: bgr24 (default), rgb24, bgra, bgrx, rgba,
                       rgbx, grey, nv12, nv21, i420, i422, i444, yuyv, uyvy, of 10 bits p010, i010
                       (yuv420p10le), i210, i410. With a header: y4m (YUV4MPEG2, also of 10 bits),
                       mjpg (JPEG pictures, where this build has libjpeg), or auto, either of both
  --range RANGE        of luma: limited (16 to 235) or full (0 to 255); of grey full, else limited
                       unless a header says something else
  --matrix MATRIX      of luma and chroma: bt601 (default), bt709 or bt2020
  --box X0,Y0,X1,Y1    pixels to measure: a face, enlarged 1.4 times about its middle. Without it,
                       the largest face is found and followed
  --fps FPS            frames per second, such as 30 or 30000/1001; asked of a camera, whose own
                       times count all the same
  --times FILE         file or pipe with the time of each frame in seconds, one a line
  --arrival            a frame's time is when it comes: for live pipes that may drop frames
  --camera DEVICE      such as /dev/video0
  --weights FILE       other weights than those that came with the program
  --step S             seconds from one reading to the next (1.0)
  --method METHOD      fusion, student, pos, chrom, green or ica, or teacher, which needs its
                       weights (fusion)
  --window S           seconds of video that a heart rate is read from (10.0)
  --min-window S       seconds of it that must have been seen before there is one (5.0)
  --max-gap S          longest pause that does not start the window anew (2.0)
  --low HZ, --high HZ  lowest and highest heart rate (0.7, 4.0)
  --min-confidence P   confidence, 0 to 1, below which there is no heart rate (0.75)
  --peaks N            peaks of the spectrum that are tried until one reaches it (3)
  --summary            at the end a line about the whole recording
  --version, --help

Exit code 0: done. 2: bad input, with one line on standard error. 3: with --summary, no heart rate.
)";

namespace {

double number(const char* name, const char* text) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !std::isfinite(value))
    throw UsageError(std::string(name) + ": '" + text + "' is not a number");
  return value;
}

int whole(const char* name, const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < -1000000 || value > 1000000)
    throw UsageError(std::string(name) + ": '" + text + "' is not a whole number");
  return static_cast<int>(value);
}

// Frames per second: a number, or a fraction as in video files, such as 30000/1001.
double rate(const char* name, const char* text) {
  const char* const slash = std::strchr(text, '/');
  const double over = number(name, slash ? std::string(text, slash).c_str() : text);
  const double fps = slash ? over / number(name, slash + 1) : over;
  if (!(fps > 0) || !std::isfinite(fps))
    throw UsageError(std::string(name) + " must be positive, is " + text);
  return fps;
}

double positive(const char* name, const char* text) {
  const double value = number(name, text);
  if (!(value > 0)) throw UsageError(std::string(name) + " must be positive, is " + text);
  return value;
}

// Throws UsageError unless sscanf found all `wanted` numbers of a pattern. `used` is the position
// that %n stored at the end of the pattern.
void require_match(const char* name, const char* text, int found, int wanted, int used,
                   const char* form) {
  if (found != wanted || text[used] != '\0')
    throw UsageError(std::string(name) + ": '" + text + "' is not " + form);
}

void parse_size(const char* text, Options& options) {
  int used = 0;
  const int found = std::sscanf(text, "%6dx%6d%n", &options.width, &options.height, &used);
  require_match("--size", text, found, 2, used, "WIDTHxHEIGHT");
  if (options.width < 1 || options.height < 1 || options.width > kLongestSide ||
      options.height > kLongestSide)
    throw UsageError(std::string("--size: '") + text + "' is out of range");
}

void parse_box(const char* text, Options& options) {
  rppg_box& box = options.box;
  int used = 0;
  const int found =
      std::sscanf(text, "%6d,%6d,%6d,%6d%n", &box.x0, &box.y0, &box.x1, &box.y1, &used);
  require_match("--box", text, found, 4, used, "four whole numbers X0,Y0,X1,Y1");
  options.has_box = true;
}

// The index of `text` in a list of names that ends with nullptr. Throws UsageError for another
// name.
int choose(const char* name, const char* text, const char* const* names) {
  std::string all;
  for (int i = 0; names[i]; ++i) {
    if (std::strcmp(text, names[i]) == 0) return i;
    all += (i == 0 ? "" : names[i + 1] ? ", " : " or ") + std::string(names[i]);
  }
  throw UsageError(std::string(name) + " must be " + all + ", is '" + text + "'");
}

void parse_format(const char* text, Options& options) {
  const std::string given = text;
  options.intake = given == "y4m"    ? Intake::y4m
                   : given == "mjpg" ? Intake::mjpg
                   : given == "auto" ? Intake::automatic
                                     : Intake::raw;
  if (options.intake != Intake::raw) return;
  // The fourth byte of a pixel is ignored, so that bgrx and rgbx are the same as bgra and rgba.
  const std::string known = given == "bgrx" ? "bgra" : given == "rgbx" ? "rgba" : given;
  std::string all;
  for (options.format = 0; rppg_format_name(options.format); ++options.format) {
    if (known == rppg_format_name(options.format)) return;
    all += rppg_format_name(options.format) + std::string(", ");
  }
  throw UsageError("--format must be " + all + "bgrx, rgbx, y4m, mjpg or auto, is '" + given + "'");
}

bool is_rgb(const Options& options) {
  return options.intake == Intake::mjpg ||
         (options.intake == Intake::raw &&
          (options.format == RPPG_FORMAT_BGR24 || options.format == RPPG_FORMAT_RGB24 ||
           options.format == RPPG_FORMAT_BGRA || options.format == RPPG_FORMAT_RGBA));
}

void check(const Options& options) {
  const bool camera = !options.camera.empty();
  const bool header = options.intake == Intake::y4m || options.intake == Intake::automatic;
  if (camera && header)
    throw UsageError("--format y4m and auto are for standard input, not for a camera");
  if (!options.width && (camera || options.intake == Intake::raw))
    throw UsageError("--size WxH is missing");
  const int clocks = (options.fps > 0) + !options.times.empty() + options.arrival;
  if (!camera && (clocks > 1 || (clocks == 0 && !header)))
    throw UsageError("give one of --fps, --times and --arrival: frames have times");
  if (is_rgb(options) && (options.range != RPPG_RANGE_DEFAULT || options.matrix != kNoMatrix))
    throw UsageError("--range and --matrix are for formats of luma and chroma only");
  if (!options.camera.empty() && (!options.times.empty() || options.arrival))
    throw UsageError("a camera has its own times: --times and --arrival are for standard input");
}

}  // namespace

Options parse_options(int count, char** arguments) {
  Options options;
  rppg_stream_options_init(&options.stream, sizeof options.stream);
  for (int i = 1; i < count; ++i) {
    const char* const name = arguments[i];
    const auto is = [name](const char* other) { return std::strcmp(name, other) == 0; };
    if (is("--help")) {
      options.help = true;
      return options;
    }
    if (is("--version")) {
      options.version = true;
      return options;
    }
    if (is("--summary")) {
      options.summary = true;
      continue;
    }
    if (is("--arrival")) {
      options.arrival = true;
      continue;
    }
    const auto value = [&] {
      if (i + 1 == count) throw UsageError(std::string(name) + " needs a value");
      return arguments[++i];
    };
    const char* const ranges[] = {"limited", "full", nullptr};
    const char* const matrices[] = {"bt601", "bt709", "bt2020", nullptr};
    if (is("--size"))
      parse_size(value(), options);
    else if (is("--format"))
      parse_format(value(), options);
    else if (is("--range"))
      options.range = RPPG_RANGE_LIMITED + choose(name, value(), ranges);
    else if (is("--matrix"))
      options.matrix = choose(name, value(), matrices);
    else if (is("--box"))
      parse_box(value(), options);
    else if (is("--fps"))
      options.fps = rate(name, value());
    else if (is("--times"))
      options.times = value();
    else if (is("--camera"))
      options.camera = value();
    else if (is("--weights"))
      options.weights = value();
    else if (is("--step"))
      options.step = positive(name, value());
    else if (is("--window"))
      options.stream.window_s = number(name, value());
    else if (is("--min-window"))
      options.stream.min_window_s = positive(name, value());
    else if (is("--max-gap"))
      options.stream.max_gap_s = positive(name, value());
    else if (is("--method"))
      options.stream.method = value();
    else if (is("--low"))
      options.stream.low_hz = number(name, value());
    else if (is("--high"))
      options.stream.high_hz = number(name, value());
    else if (is("--min-confidence"))
      options.stream.min_confidence = number(name, value());
    else if (is("--peaks"))
      options.stream.peaks = whole(name, value());
    else
      throw UsageError(std::string("there is no option '") + name + "'; see --help");
  }
  check(options);
  return options;
}
