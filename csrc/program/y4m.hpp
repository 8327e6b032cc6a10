// The header of a YUV4MPEG2 stream, which `ffmpeg -f yuv4mpegpipe` and other programs write.
#pragma once

#include <string>

struct Y4mHeader {
  int width = 0, height = 0;
  int format = 0;          // an rppg_format
  int range = 0;           // an rppg_range
  double fps = 0;          // Hz; 0: not stated
  std::string interlaced;  // kind of interlacing in words; empty: none
};

inline constexpr char kY4mMagic[] = "YUV4MPEG2";

// Throws InputError that names what is wrong with the header.
Y4mHeader parse_y4m(const std::string& line);
