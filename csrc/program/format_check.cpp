#include "format_check.hpp"

#include <string>

#include "source.hpp"

namespace {

// Formats that differ only in the order of red and blue, or of U and V, cannot be distinguished.
std::string names_of(int format) {
  const std::string name = rppg_format_name(format);
  const char* const twins[][2] = {{"bgr24", "rgb24"}, {"bgra", "rgba"}, {"nv12", "nv21"}};
  for (const auto& pair : twins)
    if (name == pair[0] || name == pair[1]) return std::string(pair[0]) + " or " + pair[1];
  return name;
}

}  // namespace

// Warns only if two frames in a row that look wrong suggest the same format and width, because the
// first frames of a stream may show anything.
void FormatCheck::see(const rppg_frame& frame) {
  if (left_ == 0) return;
  --left_;
  int format = 0;
  std::int32_t width = 0;
  if (!rppg_format_guess(frame.format, frame.width, frame.height, frame.data, &format, &width))
    return;
  if (format != format_ || width != width_) {
    format_ = format;
    width_ = width;
    return;
  }
  left_ = 0;
  const std::string said =
      std::string(rppg_format_name(frame.format)) + " of width " + std::to_string(frame.width);
  const std::string likely = width != frame.width ? "--size " + std::to_string(width) + "xHEIGHT"
                                                  : std::string("--format ") + names_of(format);
  warn("frames do not look like " + said + ": try " + likely);
}
