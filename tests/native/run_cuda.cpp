// Runs the programs of csrc/kernels/cuda on the CPU: the threads of every block run one after the
// other, phase by phase, in three orders. Shared memory and registers are filled with NaN at the
// start. Prints one line each: the program, the order, then hexadecimal floats.
// Usage:
//   run_cuda --threads
//       prints the number of threads in each program's blocks.
//   run_cuda WEIGHTS MOTIONS
//       MOTIONS is a file of float32, [frame][color][y][x].
//   run_cuda --frame PIXELS WIDTH HEIGHT X0 Y0 X1 Y1 rgb|bgr normalized|difference
//       PIXELS is a file with two frames of bytes, [frame][y][x][channel]. Prints the appearance of
//       each frame and the motion between them.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "block.hpp"
#include "cuda/cuda.hpp"
#include "network/weights.hpp"

namespace {

using namespace rppg;
using namespace rppg::cuda;

constexpr const char* kOrders[] = {"forward", "backward", "shuffled"};

std::vector<char> read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void print(const char* program, const char* order, const std::vector<float>& values) {
  std::printf("%s %s", program, order);
  for (const float value : values) std::printf(" %a", static_cast<double>(value));
  std::printf("\n");
}

void run_student(const char* weights_path, const char* motions_path) {
  const std::vector<char> file = read(weights_path), bytes = read(motions_path);
  auto weights = std::make_unique<DeviceWeights>();
  pack(read_student_file(file.data(), file.size(), weights_path).tensors(), *weights);
  std::vector<float> motions(bytes.size() / sizeof(float));
  std::memcpy(motions.data(), bytes.data(), bytes.size());
  const std::size_t count = motions.size() / kPixels;

  for (const char* order : kOrders) {
    std::vector<float> out(count);
    for (std::size_t i = 0; i < count; ++i) {
      Block<Whole> block(order);
      Whole::run(block, block.shared(), *weights, motions.data() + i * kPixels, &out[i]);
    }
    print("whole", order, out);
    unsigned arrived = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<float> parts(Split::kParts);
      for (const int part : order_of(Split::kParts, order)) {
        Block<Split> block(order);
        Split::run(block, block.shared(), *weights, part, motions.data() + i * kPixels,
                   parts.data(), &arrived, &out[i]);
      }
      if (arrived != 0) std::abort();  // must be ready for the next run
    }
    print("split", order, out);
  }
}

void run_frame(char** arguments) {
  const std::vector<char> bytes = read(arguments[0]);
  const auto number = [&](int i) { return std::atoi(arguments[i]); };
  const int width = number(1), height = number(2);
  const Box box{number(3), number(4), number(5), number(6)};
  const bool blue_first = std::strcmp(arguments[7], "bgr") == 0;
  const bool normalized = std::strcmp(arguments[8], "normalized") == 0;
  const std::ptrdiff_t row = width * kColors;
  for (const char* order : kOrders) {
    std::vector<float> appearance[2], motion(kPixels);
    for (int i = 0; i < 2; ++i) {
      appearance[i].resize(kPixels);
      const auto* const frame =
          reinterpret_cast<const std::uint8_t*>(bytes.data()) + i * row * height;
      const Crop crop = crop_of(view_rgb(frame, height, width, row, kColors, 1,
                                         blue_first ? ColorOrder::bgr : ColorOrder::rgb),
                                box);
      for (const int index : order_of(Frame::kBlocks, order)) {
        Block<Frame> block(order);
        Frame::run(block, block.shared(), index, crop, i ? appearance[0].data() : nullptr,
                   normalized, appearance[i].data(), motion.data());
      }
      print(i ? "second" : "first", order, appearance[i]);
      print(i ? "motion" : "rest", order, motion);
    }
  }
}

}  // namespace

int main(int, char** arguments) {
  if (std::strcmp(arguments[1], "--threads") == 0)
    std::printf("whole %d\nsplit %d\nframe %d\n", Whole::kThreads, Split::kThreads,
                Frame::kThreads);
  else if (std::strcmp(arguments[1], "--frame") == 0)
    run_frame(arguments + 2);
  else
    run_student(arguments[1], arguments[2]);
}
