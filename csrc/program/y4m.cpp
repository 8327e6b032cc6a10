#include "y4m.hpp"

#include <rppg_fast.h>

#include <cstdio>
#include <cstring>

#include "source.hpp"

namespace {

struct Layout {
  const char* name;
  int format;
};

// The variants of 4:2:0 differ only in the position of the chroma samples, by less than a pixel;
// this is ignored.
constexpr Layout kLayouts[] = {
    {"420", RPPG_FORMAT_I420},      {"420jpeg", RPPG_FORMAT_I420}, {"420mpeg2", RPPG_FORMAT_I420},
    {"420paldv", RPPG_FORMAT_I420}, {"422", RPPG_FORMAT_I422},     {"444", RPPG_FORMAT_I444},
    {"mono", RPPG_FORMAT_GREY},     {"420p10", RPPG_FORMAT_I010},  {"422p10", RPPG_FORMAT_I210},
    {"444p10", RPPG_FORMAT_I410},
};

[[noreturn]] void fail(const std::string& what) {
  throw InputError("standard input: its YUV4MPEG2 header " + what);
}

int layout_named(const std::string& name) {
  for (const Layout& layout : kLayouts)
    if (name == layout.name) return layout.format;
  fail("says the pixel format '" + name +
       "', which is not taken; let ffmpeg give another: -pix_fmt yuv420p");
}

int side(const std::string& text) {
  int value = 0, used = 0;
  if (std::sscanf(text.c_str(), "%6d%n", &value, &used) != 1 || text[used] != '\0' || value < 1 ||
      value > kLongestSide)
    fail("says '" + text + "' where width or height should be");
  return value;
}

double rate(const std::string& text) {
  int over = 0, under = 0, used = 0;
  if (std::sscanf(text.c_str(), "%9d:%9d%n", &over, &under, &used) != 2 || text[used] != '\0' ||
      over < 0 || under < 0)
    fail("says '" + text + "' where the frame rate should be");
  return over > 0 && under > 0 ? static_cast<double>(over) / under : 0.0;
}

std::string interlacing(const std::string& text) {
  if (text == "t") return "the upper rows first";
  if (text == "b") return "the lower rows first";
  return text == "m" ? "some of them" : "";
}

}  // namespace

Y4mHeader parse_y4m(const std::string& line) {
  Y4mHeader out;
  std::string layout = "420";
  std::size_t at = line.find(' ');  // after the magic word
  while (at != std::string::npos) {
    const std::size_t begin = at + 1;
    at = line.find(' ', begin);
    const std::string word = line.substr(begin, at == std::string::npos ? at : at - begin);
    if (word.empty()) continue;
    const std::string value = word.substr(1);
    switch (word[0]) {
      case 'W':
        out.width = side(value);
        break;
      case 'H':
        out.height = side(value);
        break;
      case 'F':
        out.fps = rate(value);
        break;
      case 'I':
        out.interlaced = interlacing(value);
        break;
      case 'C':
        layout = value;
        break;
      case 'X':
        if (value == "COLORRANGE=FULL") out.range = RPPG_RANGE_FULL;
        if (value == "COLORRANGE=LIMITED") out.range = RPPG_RANGE_LIMITED;
        break;
      default:
        break;  // the aspect ratio of pixels, and unknown parameters
    }
  }
  if (out.width == 0 || out.height == 0) fail("lacks width or height");
  out.format = layout_named(layout);
  return out;
}
