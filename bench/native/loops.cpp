// Loops in C++ over functions that Python calls one by one, for bench/calls.py. Each loop returns
// the seconds of one call.
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "monitor/stream.hpp"
#include "network/student.hpp"

namespace {

// One student for all loops, because its place in memory affects the speed.
std::shared_ptr<const rppg::Student> load(const char* path) {
  static const auto student = [&] {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    return std::make_shared<const rppg::Student>(
        rppg::read_weights(bytes.data(), bytes.size(), path), rppg::select_kernels("auto"));
  }();
  return student;
}

template <typename Work>
double seconds_each(int times, Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) work(i);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / times;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) double student_loop(const char* weights, int times) {
  const auto student = load(weights);
  static const std::vector<float> motion(rppg::kPixels, 0.5f);
  float change = 0;
  return seconds_each(times, [&](int) { student->predict_batch(motion.data(), 1, 1, &change); });
}

// Pushes frames to a stream that has just begun, so that no spectrum is computed.
__attribute__((visibility("default"))) double push_loop(const char* weights,
                                                        const std::uint8_t* frame, int height,
                                                        int width, int times) {
  static const auto stream = std::make_unique<rppg::Stream>(load(weights), rppg::PulseOptions{});
  stream->reset();
  const rppg::FrameView view =
      rppg::view_rgb(frame, height, width, width * 3, 3, 1, rppg::ColorOrder::bgr);
  return seconds_each(times, [&](int i) { stream->push(view, {0, 0, width, height}, i / 30.0); });
}
}
