// The header of a YUV4MPEG2 stream, as ffmpeg's `-f yuv4mpegpipe` and others write it.
#pragma once

#include <string>

struct Y4mHeader {
  int width = 0, height = 0;
  int format = 0;          // an rppg_format
  int range = 0;           // an rppg_range
  double fps = 0;          // Hz; 0: the stream does not say
  std::string interlaced;  // how, in words; empty: it is not
};

inline constexpr char kY4mMagic[] = "YUV4MPEG2";

// Throws InputError, naming what is wrong, for a header that says something else.
Y4mHeader parse_y4m(const std::string& line);
