#include "pipe_input.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "source.hpp"
#include "system.hpp"

namespace {

constexpr std::size_t kPiece = 1 << 16;

}  // namespace

std::size_t PipeInput::read_directly(std::uint8_t* to, std::size_t count) {
  std::size_t filled = 0;
  while (filled < count && !interrupted_) {
    const std::size_t got = read_once(to + filled, count - filled);
    if (got == 0) break;
    filled += got;
  }
  return filled;
}

std::size_t PipeInput::read_once(std::uint8_t* to, std::size_t count) {
  const std::ptrdiff_t got = read_input(to, count);
  if (got >= 0) return static_cast<std::size_t>(got);
  if (errno != EINTR) throw InputError(system_message("standard input", errno));
  interrupted_ = true;
  return 0;
}

const std::vector<std::uint8_t>& PipeInput::peek(std::size_t count) {
  const std::size_t before = ahead_.size();
  if (before < count) {
    ahead_.resize(count);
    ahead_.resize(before + read_directly(ahead_.data() + before, count - before));
  }
  return ahead_;
}

std::size_t PipeInput::read(std::uint8_t* to, std::size_t count) {
  const std::size_t known = std::min(count, ahead_.size());
  std::copy_n(ahead_.begin(), known, to);
  ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(known));
  return known + read_directly(to + known, count - known);
}

bool PipeInput::read_some(std::vector<std::uint8_t>& to) {
  if (!ahead_.empty()) {
    to.insert(to.end(), ahead_.begin(), ahead_.end());
    ahead_.clear();
    return true;
  }
  const std::size_t before = to.size();
  to.resize(before + kPiece);
  const std::size_t got = read_once(to.data() + before, kPiece);
  to.resize(before + got);
  return got > 0;
}

bool PipeInput::read_line(std::string& line, std::size_t longest) {
  line.clear();
  for (std::uint8_t byte = 0; read(&byte, 1) == 1;) {
    if (byte == '\n') return true;
    if (line.size() == longest)
      throw InputError("standard input: a line of its header is longer than " +
                       std::to_string(longest) + " bytes");
    line += static_cast<char>(byte);
  }
  return !line.empty() && !interrupted_;
}

FrameTimes::FrameTimes(const Options& options, double rate)
    : rate_(options.fps > 0 ? options.fps : rate), arrival_(options.arrival), name_(options.times) {
  if (name_.empty()) return;
  file_.reset(std::fopen(name_.c_str(), "r"));
  if (!file_) throw InputError(system_message(name_, errno));
}

double FrameTimes::next() {
  const double time =
      file_ ? from_file()
      : arrival_
          ? std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
                .count()
          : static_cast<double>(count_) / rate_;
  ++count_;
  return time;
}

double FrameTimes::from_file() {
  char line[64];
  if (!std::fgets(line, sizeof line, file_.get()))
    throw InputError(name_ + ": has only " + std::to_string(count_) +
                     " times, fewer than there are frames");
  char* end = nullptr;
  const double time = std::strtod(line, &end);
  if (end == line || (*end != '\n' && *end != '\r' && *end != '\0'))
    throw InputError(name_ + ": line " + std::to_string(count_ + 1) + " is not a time");
  return time;
}
