// Counts the heap allocations of streams with each method, and of the classical methods alone.
// Prints one line for the creation, one for the warm-up, and one for the rest.
// Usage: count_allocations WEIGHTS
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <vector>

#include "frame/formats.hpp"
#include "made_up_teacher.hpp"
#include "monitor/stream.hpp"
#include "network/student.hpp"
#include "reading/ica.hpp"

namespace {

std::atomic<long> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t a) {
  return counted(size, static_cast<std::size_t>(a));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

int main(int, char** arguments) {
  std::ifstream file(arguments[1], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const std::shared_ptr<const rppg::Network> student = std::make_shared<const rppg::Student>(
      rppg::read_weights(bytes.data(), bytes.size(), arguments[1]), rppg::select_kernels("auto"));

  constexpr int kHeight = 120, kWidth = 160;
  std::vector<std::uint8_t> pixels(kHeight * kWidth * 3);
  std::vector<std::unique_ptr<rppg::Stream>> streams;
  const std::shared_ptr<const rppg::Network> teacher = made_up_teacher();
  for (int method = 0; method < rppg::kMethods; ++method) {
    rppg::PulseOptions options;
    options.method = static_cast<rppg::Method>(method);
    const bool teaches = options.method == rppg::Method::teacher;
    streams.push_back(std::make_unique<rppg::Stream>(teaches ? teacher : student, options));
  }
  constexpr std::size_t kSamples = 300;
  rppg::Classical classical(30.0, kSamples);
  rppg::Ica ica(rppg::select_kernels("auto"), 30.0, 0.7, 4.0, kSamples);
  std::vector<double> red(kSamples), green(kSamples), blue(kSamples), pulse(kSamples);
  std::printf("creation %ld\n", allocations.exchange(0));

  int beats = 0;
  // Four frames in turn: packed pixels; pixels that are not packed; luma and chroma; and turned
  // 16-bit words.
  const auto frame_of = [&](int index) {
    const std::uint8_t* const data = pixels.data();
    if (index % 4 == 0)
      return rppg::view_rgb(data, kHeight, kWidth, kWidth * 3, 3, 1, rppg::ColorOrder::bgr);
    if (index % 4 == 1)
      return rppg::view_rgb(data, kHeight, 70, kWidth * 3, 6, 1, rppg::ColorOrder::rgb);
    const bool bytes = index % 4 == 2;
    const rppg::FrameView view =
        rppg::find_format(bytes ? "nv12" : "i010")->view(kWidth, kHeight, data);
    return bytes ? view : view.turned(1);
  };
  const auto push = [&](int index) {
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<std::uint8_t>(100 + (index * index + static_cast<int>(i)) % 13);
    // Times with a hole or a gap now and then, and a box that shrinks.
    const double time = index / 30.0 + 0.8 * (index / 200) + 3.0 * (index / 700);
    const rppg::FrameView frame = frame_of(index);
    const rppg::Box box = index % 700 < 350 ? rppg::Box{3, 4, 70, 110} : rppg::Box{9, 9, 60, 100};
    for (const auto& stream : streams) {
      beats += stream->push(frame, box, time).status == rppg::Status::ok;
      if (index % 5 == 4) stream->rebox(frame, box);
    }
  };
  // Windows of every size, including one with a single block.
  const auto extract = [&](std::size_t index) {
    const auto value = static_cast<double>(index);
    red[index % kSamples] = 2.0 + std::sin(value);
    green[index % kSamples] = 3.0 + std::sin(value * value);
    blue[index % kSamples] = 2.0 + std::cos(value);
    const double* const color[] = {red.data(), green.data(), blue.data()};
    const std::size_t count = 2 + index % (kSamples - 1);
    classical.pos(color, count, pulse.data());
    classical.chrom(color, color, count, pulse.data());
    ica.pulse(color, color, count, pulse.data());
  };
  for (int index = 0; index < 4; ++index) push(index);
  std::printf("warm-up %ld\n", allocations.exchange(0));
  for (int index = 4; index < 1500; ++index) {
    push(index);
    extract(static_cast<std::size_t>(index));
  }
  std::printf("afterwards %ld\n", allocations.exchange(0));
  return beats < 0;
}
