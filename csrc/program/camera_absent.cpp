// The cameras of a system without Video4Linux.
#include "source.hpp"

std::unique_ptr<Source> open_camera(const Options& options) {
  throw InputError(options.camera +
                   ": this build of the program reads cameras on Linux only. Let ffmpeg read the "
                   "camera and take --format y4m --arrival (ffmpeg ... -f yuv4mpegpipe -)");
}
