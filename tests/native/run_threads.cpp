// Runs many streams in as many threads. They share one student, which processes a batch in several
// threads at the same time, as a teacher does. Prints how many results differ from those of a
// single thread: "different 0". Usage: run_threads WEIGHTS THREADS SECONDS
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

#include "made_up_teacher.hpp"
#include "monitor/stream.hpp"
#include "network/student.hpp"

namespace {

constexpr int kHeight = 40, kWidth = 50;
constexpr double kFps = 30.0;
constexpr std::ptrdiff_t kBatch = 12;

// The last reading of a stream of noise with a periodic brightness; some frames have a time that
// goes back.
rppg::Reading watch(std::shared_ptr<const rppg::Student> student, std::uint32_t seed, int frames) {
  const auto stream = std::make_unique<rppg::Stream>(std::move(student), rppg::PulseOptions{});
  std::vector<std::uint8_t> pixels(kHeight * kWidth * rppg::kColors);
  std::uint32_t state = seed;
  rppg::Reading last{};
  for (int i = 0; i < frames; ++i) {
    const double level = 120 + 8 * std::sin(0.2 * i + seed);
    for (std::uint8_t& pixel : pixels) {
      state = state * 1664525u + 1013904223u;
      pixel = static_cast<std::uint8_t>(level + (state >> 29));
    }
    const bool strided = i % 5 == 4;
    const rppg::FrameView frame =
        rppg::view_rgb(pixels.data(), kHeight, strided ? kWidth / 2 : kWidth, kWidth * 3,
                       strided ? 6 : 3, 1, rppg::ColorOrder::bgr);
    const rppg::Box box = strided ? rppg::Box{1, 2, 20, 39} : rppg::Box{3, 1, 48, 40};
    try {
      last = stream->push(frame, box, i % 50 == 49 ? 0.0 : i / kFps);
    } catch (const rppg::TimeError&) {
    }
  }
  return last;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

int main(int, char** arguments) {
  std::ifstream file(arguments[1], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto count = static_cast<std::size_t>(std::atoi(arguments[2]));
  const int frames = static_cast<int>(std::atof(arguments[3]) * kFps);
  const auto load = [&] {
    return std::make_shared<const rppg::Student>(
        rppg::read_weights(bytes.data(), bytes.size(), arguments[1]), rppg::select_kernels("auto"));
  };

  std::vector<std::thread> threads;
  // All threads use the kernels for the first time at once.
  for (std::size_t i = 0; i < count; ++i) threads.emplace_back(load);
  for (std::thread& thread : threads) thread.join();
  threads.clear();

  const auto student = load();
  std::vector<rppg::Reading> together(count);
  for (std::size_t i = 0; i < count; ++i)
    threads.emplace_back(
        [&, i] { together[i] = watch(student, static_cast<std::uint32_t>(i), frames); });
  const std::vector<float> motions(kBatch * rppg::kPixels, 0.25f);
  std::vector<float> changes(kBatch), alone(kBatch);
  student->predict_batch(motions.data(), kBatch, 3, changes.data());
  const auto teacher = made_up_teacher();
  std::vector<float> taught(kBatch), taught_alone(kBatch);
  teacher->predict_batch(motions.data(), motions.data(), kBatch, 3, taught.data());
  for (std::thread& thread : threads) thread.join();

  student->predict_batch(motions.data(), kBatch, 1, alone.data());
  int different = std::memcmp(changes.data(), alone.data(), kBatch * sizeof(float)) != 0;
  teacher->predict_batch(motions.data(), motions.data(), kBatch, 1, taught_alone.data());
  different += std::memcmp(taught.data(), taught_alone.data(), kBatch * sizeof(float)) != 0;
  for (std::size_t i = 0; i < count; ++i) {
    const rppg::Reading reading = watch(student, static_cast<std::uint32_t>(i), frames);
    different += reading.status != together[i].status ||
                 !same(reading.heart_rate, together[i].heart_rate) ||
                 !same(reading.snr_db, together[i].snr_db);
  }
  std::printf("different %d\n", different);
}
