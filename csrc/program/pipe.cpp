// Sources that read standard input: raw frames, YUV4MPEG2, or JPEG pictures.
#include <cstring>
#include <system_error>
#include <vector>

#include "format_check.hpp"
#include "jpeg.hpp"
#include "pipe_input.hpp"
#include "source.hpp"
#include "y4m.hpp"

namespace {

constexpr std::size_t kLongestLine = 1024;  // of a header, bytes

void require_clock(const Options& options, double rate, const char* what) {
  if (options.fps == 0 && options.times.empty() && !options.arrival && rate == 0)
    throw InputError(std::string("standard input: ") + what +
                     " has no frame rate: give one of --fps, --times and --arrival");
}

bool begins_with(const std::vector<std::uint8_t>& bytes, const char* magic) {
  const std::size_t length = std::strlen(magic);
  return bytes.size() >= length && std::memcmp(bytes.data(), magic, length) == 0;
}

// Reads one frame after the other into its own memory.
class Frames {
 public:
  explicit Frames(const rppg_frame& frame)
      : frame_(frame), bytes_(rppg_format_bytes(frame.format, frame.width, frame.height)) {
    frame_.data = bytes_.data();
  }

  const rppg_frame& frame() const { return frame_; }

  // Returns false at the end and after a signal.
  bool fill(PipeInput& input, long index) {
    const std::size_t filled = input.read(bytes_.data(), bytes_.size());
    if (filled == bytes_.size()) return true;
    if (filled == 0 || input.interrupted()) return false;
    throw InputError("standard input: it ends inside frame " + std::to_string(index + 1) +
                     ", after " + std::to_string(filled) + " of its " +
                     std::to_string(bytes_.size()) + " bytes");
  }

 private:
  rppg_frame frame_;
  std::vector<std::uint8_t> bytes_;
};

class RawPipe : public Source {
 public:
  RawPipe(const Options& options, PipeInput input)
      : input_(std::move(input)),
        times_(options, 0),
        frames_(frame_of(options, options.format, options.width, options.height)) {}

  bool next(rppg_frame& frame, double& time) override {
    if (!frames_.fill(input_, times_.count())) return false;
    time = times_.next();  // first, so that --arrival is not delayed by other work
    frame = frames_.frame();
    check_.see(frame);
    return true;
  }

 private:
  PipeInput input_;
  FrameTimes times_;
  Frames frames_;
  FormatCheck check_;
};

class Y4mPipe : public Source {
 public:
  Y4mPipe(const Options& options, PipeInput input)
      : input_(std::move(input)),
        header_(read_header(options)),
        times_(options, header_.fps),
        frames_(described(options)) {}

  bool next(rppg_frame& frame, double& time) override {
    std::string line;
    if (!input_.read_line(line, kLongestLine)) return false;
    if (line.compare(0, 5, "FRAME") != 0)
      throw InputError("standard input: before frame " + std::to_string(times_.count() + 1) +
                       " there is no line FRAME");
    if (!frames_.fill(input_, times_.count())) {
      if (input_.interrupted()) return false;
      throw InputError("standard input: it ends before frame " +
                       std::to_string(times_.count() + 1));
    }
    frame = frames_.frame();
    time = times_.next();
    return true;
  }

 private:
  Y4mHeader read_header(const Options& options) {
    if (!begins_with(input_.peek(std::strlen(kY4mMagic)), kY4mMagic))
      throw InputError(
          "standard input: does not begin with a YUV4MPEG2 header; ffmpeg's -f "
          "yuv4mpegpipe writes one");
    std::string line;
    input_.read_line(line, kLongestLine);
    const Y4mHeader header = parse_y4m(line);
    if (options.width && (options.width != header.width || options.height != header.height))
      throw InputError("standard input: its YUV4MPEG2 header says " + std::to_string(header.width) +
                       "x" + std::to_string(header.height) +
                       ", --size something else; leave that out");
    if (!header.interlaced.empty())
      warn("standard input: its frames are interlaced, " + header.interlaced +
           ": deinterlace them first for more reliable readings, with ffmpeg's -vf yadif");
    require_clock(options, header.fps, "its YUV4MPEG2 header");
    return header;
  }

  rppg_frame described(const Options& options) const {
    rppg_frame frame = frame_of(options, header_.format, header_.width, header_.height);
    if (options.range == RPPG_RANGE_DEFAULT) frame.range = header_.range;
    return frame;
  }

  PipeInput input_;
  Y4mHeader header_;
  FrameTimes times_;
  Frames frames_;
};

// A stream of JPEG pictures.
class JpegPipe : public Source {
 public:
  JpegPipe(const Options& options, PipeInput input) : input_(std::move(input)), times_(options, 0) {
    require_clock(options, 0, "a stream of JPEG pictures");
  }

  bool next(rppg_frame& frame, double& time) override {
    for (std::size_t length = 0;;) {
      if (!find_picture(length)) return false;
      time = times_.next();  // a damaged picture also uses up its time
      const bool good = decoder_.decode(bytes_.data() + begin_, length, frame);
      begin_ += length;
      if (good) return true;
      decoder_.complain(times_.count());
    }
  }

 private:
  // Finds the next whole picture, which begins at begin_; `length` is in bytes.
  bool find_picture(std::size_t& length) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
    JpegScanner scanner;
    for (;;) {
      if (scanner.scan(bytes_, begin_, length)) return true;
      if (!input_.read_some(bytes_)) break;
    }
    if (begin_ == bytes_.size() || input_.interrupted()) return false;
    throw InputError("standard input: it ends inside JPEG picture " +
                     std::to_string(times_.count() + 1));
  }

  PipeInput input_;
  FrameTimes times_;
  JpegDecoder decoder_;
  std::vector<std::uint8_t> bytes_;
  std::size_t begin_ = 0;
};

Intake recognise(PipeInput& input) {
  const std::vector<std::uint8_t>& first = input.peek(std::strlen(kY4mMagic));
  if (begins_with(first, kY4mMagic)) return Intake::y4m;
  if (first.size() >= 3 && first[0] == 0xFF && first[1] == 0xD8 && first[2] == 0xFF)
    return Intake::mjpg;
  if (first.empty()) throw InputError("standard input: holds no frame");
  throw InputError(
      "standard input: begins neither with a YUV4MPEG2 header nor with a JPEG picture: give "
      "the format and size of its frames with --format and --size");
}

}  // namespace

std::string system_message(const std::string& what, int error) {
  return what + ": " + std::generic_category().message(error);
}

void warn(const std::string& message) {
  std::fprintf(stderr, "rppg-fast-stream: warning: %s\n", message.c_str());
}

rppg_frame frame_of(const Options& options, int format, int width, int height) {
  rppg_frame frame{};
  frame.struct_size = sizeof frame;
  frame.format = format;
  frame.width = width;
  frame.height = height;
  frame.range = options.range;
  frame.matrix = options.matrix == kNoMatrix ? RPPG_MATRIX_BT601 : options.matrix;
  return frame;
}

std::unique_ptr<Source> open_pipe(const Options& options) {
  PipeInput input;
  switch (options.intake == Intake::automatic ? recognise(input) : options.intake) {
    case Intake::y4m:
      return std::make_unique<Y4mPipe>(options, std::move(input));
    case Intake::mjpg:
      return std::make_unique<JpegPipe>(options, std::move(input));
    default:
      return std::make_unique<RawPipe>(options, std::move(input));
  }
}
