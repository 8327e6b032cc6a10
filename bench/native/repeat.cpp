// Repeats one operation, so that an emulator can count its instructions.
// Usage: repeat WEIGHTS forward|teacher|frame|reading|doubt TIMES
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <vector>

#include "monitor/stream.hpp"
#include "network/student.hpp"
#include "network/teacher.hpp"

namespace {

// How much red, green and blue fall when the blood volume rises, relative to green.
constexpr double kPulse[rppg::kColors] = {0.4, 1.0, 0.7};

}  // namespace

int main(int, char** arguments) {
  std::ifstream file(arguments[1], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto student = std::make_shared<const rppg::Student>(
      rppg::read_weights(bytes.data(), bytes.size(), arguments[1]), rppg::select_kernels("auto"));
  const int times = std::atoi(arguments[3]);
  double sum = 0;
  if (std::strcmp(arguments[2], "forward") == 0) {
    const auto scratch = std::make_unique<rppg::StudentScratch>();
    std::vector<float> motion(rppg::kPixels, 0.5f);
    for (int i = 0; i < times; ++i)
      sum += static_cast<double>(student->predict(motion.data(), *scratch));
  } else if (std::strcmp(arguments[2], "teacher") == 0) {
    // The number of instructions does not depend on the weights; they are all 0.
    const rppg::Teacher teacher(std::make_unique<const rppg::TeacherWeights>(),
                                rppg::select_kernels("auto"));
    const auto forward = teacher.make_forward();
    const std::vector<float> motion(rppg::kPixels, 0.5f);
    for (int i = 0; i < times; ++i)
      sum += static_cast<double>(forward->predict(motion.data(), motion.data()));
  } else if (std::strcmp(arguments[2], "frame") != 0) {
    const bool pulses = std::strcmp(arguments[2], "reading") == 0;
    rppg::PulseWindow window{rppg::PulseOptions{}, rppg::select_kernels("auto")};
    window.restart(0, false);
    // `reading`: a pulse of 72 bpm in the face, in green more than in red, and a constant rim.
    // `doubt`: noise that is the same everywhere and slow enough for the band, as from a lamp, so
    // that no peak is trusted.
    std::minstd_rand random(1);
    double noise = 0;
    double signals[rppg::kSignals] = {};
    double* const region_signals = signals + 1 + rppg::kColors;
    const auto push = [&](int i) {
      noise += 0.3 * (static_cast<double>(random() % 1000) / 500.0 - 1.0 - noise);
      const double beat = pulses ? std::sin(2 * 3.14159265 * i / 25) : noise;
      signals[0] = beat;
      for (int c = 0; c < rppg::kColors; ++c)
        signals[1 + c] = 0.5 * (1 - 0.01 * beat * (pulses ? kPulse[c] : 1.0));
      for (int k = 0; k < rppg::kFaceBlocks + !pulses; ++k) {
        region_signals[k] = -0.01 * beat;
        region_signals[rppg::kPlaces + k] = pulses ? -0.006 * beat : 0;
      }
      window.push(signals, false, false);
    };
    constexpr int kFull = 300;
    for (int i = 0; i < kFull; ++i) push(i);
    // Each reading follows one new sample, as with a camera at the sampling rate of the grid.
    for (int i = 0; i < times; ++i) {
      push(kFull + i);
      sum += window.read().confidence;
    }
  } else {
    constexpr int kHeight = 480, kWidth = 640;
    std::vector<std::uint8_t> pixels(kHeight * kWidth * 3, 120);
    const rppg::FrameView frame =
        rppg::view_rgb(pixels.data(), kHeight, kWidth, kWidth * 3, 3, 1, rppg::ColorOrder::bgr);
    const auto stream = std::make_unique<rppg::Stream>(student, rppg::PulseOptions{});
    for (int i = 0; i < times; ++i)
      sum += stream->push(frame, {150, 20, 490, 460}, i / 30.0).snr_db;
  }
  std::printf("%f\n", sum);
}
