// A camera by Video4Linux. Frames are read in the driver's buffers, without a copy.
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <string>
#include <vector>

#include "jpeg.hpp"
#include "source.hpp"

namespace {

constexpr unsigned kBuffers = 4;
constexpr int kPatience = 5000;  // ms without a frame

std::uint32_t pixel_format(const Options& options) {
  if (options.intake == Intake::mjpg) return V4L2_PIX_FMT_MJPEG;
  switch (options.format) {
    case RPPG_FORMAT_BGR24:
      return V4L2_PIX_FMT_BGR24;
    case RPPG_FORMAT_RGB24:
      return V4L2_PIX_FMT_RGB24;
    case RPPG_FORMAT_BGRA:
      return V4L2_PIX_FMT_XBGR32;
    case RPPG_FORMAT_NV12:
      return V4L2_PIX_FMT_NV12;
    case RPPG_FORMAT_NV21:
      return V4L2_PIX_FMT_NV21;
    case RPPG_FORMAT_YUYV:
      return V4L2_PIX_FMT_YUYV;
    case RPPG_FORMAT_UYVY:
      return V4L2_PIX_FMT_UYVY;
    case RPPG_FORMAT_I420:
      return V4L2_PIX_FMT_YUV420;
    case RPPG_FORMAT_I422:
      return V4L2_PIX_FMT_YUV422P;
    case RPPG_FORMAT_GREY:
      return V4L2_PIX_FMT_GREY;
    default:
      throw UsageError(std::string("--format ") + rppg_format_name(options.format) +
                       " is for standard input, not for a camera");
  }
}

std::string four_letters(std::uint32_t code) {
  std::string text;
  for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(code >> shift & 127);
  return text;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

// A driver's buffer, mapped into this process's memory.
class Mapping {
 public:
  Mapping(int device, std::size_t length, off_t offset)
      : length_(length), data_(mmap(nullptr, length, PROT_READ, MAP_SHARED, device, offset)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (mapped()) munmap(data_, length_);
  }
  bool mapped() const { return data_ != MAP_FAILED; }
  const std::uint8_t* data() const { return static_cast<const std::uint8_t*>(data_); }

 private:
  std::size_t length_;
  void* data_;
};

class Camera : public Source {
 public:
  explicit Camera(const Options& options)
      : name_(options.camera), device_(open(name_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
    if (options.intake == Intake::mjpg) decoder_ = std::make_unique<JpegDecoder>();
    if (device_.number() < 0) throw InputError(system_message(name_, errno));
    check_kind();
    choose_format(options);
    if (options.fps > 0) choose_rate(options.fps);
    map_buffers();
    int kind = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    require(VIDIOC_STREAMON, &kind, "cannot start");
  }

  bool next(rppg_frame& frame, double& time) override {
    if (shown_ >= 0) queue(static_cast<unsigned>(shown_));
    shown_ = -1;
    for (;;) {
      pollfd waiting{device_.number(), POLLIN, 0};
      const int ready = poll(&waiting, 1, kPatience);
      if (ready < 0 && errno == EINTR) return false;
      if (ready < 0) throw InputError(system_message(name_, errno));
      if (ready == 0) throw InputError(name_ + ": no frame for 5 s");
      v4l2_buffer buffer = describe(0);
      if (!control(VIDIOC_DQBUF, &buffer)) {
        if (errno == EAGAIN) continue;
        if (errno == EINTR) return false;
        throw InputError(system_message(name_ + ": no frame can be read", errno));
      }
      if (buffer.flags & V4L2_BUF_FLAG_ERROR) {  // a damaged frame is skipped
        queue(buffer.index);
        continue;
      }
      shown_ = static_cast<int>(buffer.index);
      const std::uint8_t* const data = buffers_[buffer.index]->data();
      if (decoder_ && !decoder_->decode(data, buffer.bytesused, frame)) {
        decoder_->complain(static_cast<long>(buffer.sequence) + 1);
        shown_ = -1;
        queue(buffer.index);
        continue;
      }
      if (!decoder_) {
        frame = frame_;
        frame.data = data;
      }
      time = static_cast<double>(buffer.timestamp.tv_sec) +
             1e-6 * static_cast<double>(buffer.timestamp.tv_usec);
      return true;
    }
  }

 private:
  bool control(unsigned long request, void* argument) {
    return ioctl(device_.number(), request, argument) == 0;
  }

  void require(unsigned long request, void* argument, const char* failure) {
    if (!control(request, argument))
      throw InputError(system_message(name_ + ": " + failure, errno));
  }

  void check_kind() {
    v4l2_capability found{};
    require(VIDIOC_QUERYCAP, &found, "is not a Video4Linux device");
    const std::uint32_t can =
        found.capabilities & V4L2_CAP_DEVICE_CAPS ? found.device_caps : found.capabilities;
    if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING))
      throw InputError(name_ + ": gives no stream of frames");
  }

  void choose_format(const Options& options) {
    v4l2_format format{};
    format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    v4l2_pix_format& wanted = format.fmt.pix;
    wanted.width = static_cast<std::uint32_t>(options.width);
    wanted.height = static_cast<std::uint32_t>(options.height);
    wanted.pixelformat = pixel_format(options);
    wanted.field = V4L2_FIELD_NONE;
    const v4l2_pix_format asked = wanted;
    require(VIDIOC_S_FMT, &format, "refuses the format");
    if (wanted.width != asked.width || wanted.height != asked.height ||
        wanted.pixelformat != asked.pixelformat)
      throw InputError(name_ + ": gives " + four_letters(wanted.pixelformat) + " of " +
                       std::to_string(wanted.width) + "x" + std::to_string(wanted.height) +
                       ", not " + four_letters(asked.pixelformat) + " of " +
                       std::to_string(asked.width) + "x" + std::to_string(asked.height));
    frame_ = frame_of(options, options.format, options.width, options.height);
    frame_.stride = static_cast<std::ptrdiff_t>(wanted.bytesperline);
    needed_ = wanted.sizeimage;
  }

  // Requests a frame rate. If the camera keeps its own rate, that is no error: the frames' own
  // times count.
  void choose_rate(double fps) {
    v4l2_streamparm parameters{};
    parameters.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    parameters.parm.capture.timeperframe.numerator = 1000;
    parameters.parm.capture.timeperframe.denominator =
        static_cast<std::uint32_t>(std::lround(1000.0 * fps));
    control(VIDIOC_S_PARM, &parameters);
  }

  static v4l2_buffer describe(unsigned index) {
    v4l2_buffer buffer{};
    buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer.memory = V4L2_MEMORY_MMAP;
    buffer.index = index;
    return buffer;
  }

  void queue(unsigned index) {
    v4l2_buffer buffer = describe(index);
    require(VIDIOC_QBUF, &buffer, "takes no buffer back");
  }

  void map_buffers() {
    v4l2_requestbuffers request{};
    request.count = kBuffers;
    request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    request.memory = V4L2_MEMORY_MMAP;
    require(VIDIOC_REQBUFS, &request, "gives no buffers");
    for (unsigned i = 0; i < request.count; ++i) {
      v4l2_buffer buffer = describe(i);
      require(VIDIOC_QUERYBUF, &buffer, "does not describe its buffers");
      if (buffer.length < needed_)
        throw InputError(name_ + ": its buffers are smaller than its frames");
      buffers_.push_back(
          std::make_unique<Mapping>(device_.number(), buffer.length, buffer.m.offset));
      if (!buffers_.back()->mapped())
        throw InputError(system_message(name_ + ": its buffers cannot be mapped", errno));
      queue(i);
    }
  }

  std::string name_;
  Descriptor device_;
  std::vector<std::unique_ptr<Mapping>> buffers_;
  rppg_frame frame_{};
  std::unique_ptr<JpegDecoder> decoder_;
  std::uint32_t needed_ = 0;  // bytes of a frame
  int shown_ = -1;            // index of the buffer that the caller reads; -1: none
};

}  // namespace

std::unique_ptr<Source> open_camera(const Options& options) {
  return std::make_unique<Camera>(options);
}
