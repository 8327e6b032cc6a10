// Raw frames on standard input, with times from the frame rate, a file beside it, or the clock.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "source.hpp"

namespace {

std::size_t frame_bytes(const Options& options) {
  const std::size_t width = static_cast<std::size_t>(options.width);
  const std::size_t height = static_cast<std::size_t>(options.height);
  if (options.format == RPPG_FORMAT_NV12)
    return width * height + (width + 1) / 2 * 2 * ((height + 1) / 2);
  return width * height * (options.format == RPPG_FORMAT_YUYV ? 2 : 3);
}

class Pipe : public Source {
 public:
  explicit Pipe(const Options& options)
      : fps_(options.fps), bytes_(frame_bytes(options)), times_name_(options.times) {
    frame_.struct_size = sizeof frame_;
    frame_.format = options.format;
    frame_.width = options.width;
    frame_.height = options.height;
    frame_.data = bytes_.data();
    if (times_name_.empty()) return;
    times_.reset(std::fopen(times_name_.c_str(), "r"));
    if (!times_) throw InputError(system_message(times_name_, errno));
  }

  bool next(rppg_frame& frame, double& time) override {
    if (!fill()) return false;
    frame = frame_;
    time = times_ ? next_time() : fps_ > 0 ? static_cast<double>(index_) / fps_ : now();
    ++index_;
    return true;
  }

 private:
  bool fill() {
    std::size_t filled = 0;
    while (filled < bytes_.size()) {
      const ssize_t count = read(STDIN_FILENO, bytes_.data() + filled, bytes_.size() - filled);
      if (count < 0 && errno == EINTR) return false;
      if (count < 0) throw InputError(system_message("standard input", errno));
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    if (filled == bytes_.size()) return true;
    if (filled == 0) return false;
    throw InputError("standard input: it ends inside frame " + std::to_string(index_ + 1) +
                     ", after " + std::to_string(filled) + " of its " +
                     std::to_string(bytes_.size()) + " bytes");
  }

  double next_time() {
    char line[64];
    if (!std::fgets(line, sizeof line, times_.get()))
      throw InputError(times_name_ + ": has only " + std::to_string(index_) +
                       " times, fewer than there are frames");
    char* end = nullptr;
    const double time = std::strtod(line, &end);
    if (end == line || (*end != '\n' && *end != '\r' && *end != '\0'))
      throw InputError(times_name_ + ": line " + std::to_string(index_ + 1) + " is not a time");
    return time;
  }

  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  double fps_;
  std::vector<std::uint8_t> bytes_;
  std::string times_name_;
  std::unique_ptr<std::FILE, Close> times_;
  rppg_frame frame_{};
  long index_ = 0;
};

}  // namespace

std::string system_message(const std::string& what, int error) {
  return what + ": " + std::generic_category().message(error);
}

std::unique_ptr<Source> open_pipe(const Options& options) {
  return std::make_unique<Pipe>(options);
}
