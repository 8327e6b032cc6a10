// The JPEG decoder of a build without libjpeg.
#include "jpeg.hpp"
#include "source.hpp"

struct JpegDecoder::Codec {};

JpegDecoder::JpegDecoder() {
  throw InputError(
      "JPEG pictures: this build of the program has no decoder for them. Let ffmpeg decode and "
      "take --format y4m (ffmpeg -f mjpeg -framerate FPS -i - -f yuv4mpegpipe -), ask a camera for "
      "--format yuyv, or build with libjpeg (Debian: libjpeg-dev)");
}

JpegDecoder::~JpegDecoder() = default;

bool JpegDecoder::decode(const std::uint8_t*, std::size_t, rppg_frame&) { return false; }
