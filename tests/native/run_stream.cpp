// Measures a synthetic patch of skin with a pulse in front of a wall, in a stream with every
// available backend. Prints one line each: the backend's name and the last reading's status, bpm
// and dB.
// Usage: run_stream WEIGHTS BPM SECONDS
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "monitor/stream.hpp"
#include "network/student.hpp"

namespace {

constexpr int kHeight = 101, kWidth = 87;
constexpr double kFps = 30.0;
constexpr double kPi = 3.14159265358979323846;

// Blue, green and red of skin; green has the largest pulse.
constexpr double kSkin[rppg::kColors] = {110, 130, 180};
constexpr double kPulse[rppg::kColors] = {0.004, 0.01, 0.003};
constexpr double kWall = 0.7;  // relative to the skin's brightness
constexpr int kMargin = 17;    // width of the visible wall, pixels

class Camera {
 public:
  rppg::FrameView frame(double time, double bpm) {
    const double beat = std::sin(2 * kPi * bpm / 60.0 * time);
    for (std::size_t i = 0; i < pixels_.size(); ++i) {
      const std::size_t color = i % rppg::kColors;
      const int pixel = static_cast<int>(i) / rppg::kColors;
      const int x = pixel % kWidth, y = pixel / kWidth;
      const bool alive =
          x >= kMargin && x < kWidth - kMargin && y >= kMargin && y < kHeight - kMargin;
      const double value = kSkin[color] * (alive ? 1 + kPulse[color] * beat : kWall);
      pixels_[i] = static_cast<std::uint8_t>(value + dither());
    }
    return rppg::view_rgb(pixels_.data(), kHeight, kWidth, kWidth * 3, 3, 1, rppg::ColorOrder::bgr);
  }

 private:
  // Noise in [0, 1), because the pulse is smaller than one grey level.
  double dither() {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) / 16777216.0;
  }

  std::uint32_t state_ = 1;
  std::vector<std::uint8_t> pixels_ = std::vector<std::uint8_t>(kHeight * kWidth * 3);
};

}  // namespace

int main(int, char** arguments) {
  std::ifstream file(arguments[1], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  rppg::PulseOptions options;
  options.min_confidence = 0.5;  // a patch is not a face, and the rate is what is compared
  const double bpm = std::atof(arguments[2]), seconds = std::atof(arguments[3]);
  for (const char* const* name = rppg::available_backends(); *name; ++name) {
    const auto student = std::make_shared<const rppg::Student>(
        rppg::read_weights(bytes.data(), bytes.size(), arguments[1]), rppg::select_kernels(*name));
    const auto stream = std::make_unique<rppg::Stream>(student, options);
    Camera camera;
    rppg::Reading last{};
    for (int i = 0; i < seconds * kFps; ++i)
      last = stream->push(camera.frame(i / kFps, bpm), {3, 5, 84, 100}, i / kFps);
    std::printf("%s %d %.6f %.6f\n", *name, static_cast<int>(last.status), last.heart_rate,
                last.snr_db);
  }
}
