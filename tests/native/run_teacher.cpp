// Prints the teacher's output for every available backend, one line each: the name of the backend,
// then hexadecimal floats.
// Usage: run_teacher WEIGHTS STEPS
// STEPS is a file of float32, [step][motion, appearance][color][y][x].
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "network/teacher.hpp"

namespace {

std::vector<char> read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int, char** arguments) {
  const std::vector<char> weights = read(arguments[1]), bytes = read(arguments[2]);
  std::vector<float> steps(bytes.size() / sizeof(float));
  std::memcpy(steps.data(), bytes.data(), bytes.size());
  for (const char* const* name = rppg::available_backends(); *name; ++name) {
    const rppg::Teacher teacher(
        rppg::read_teacher_weights(weights.data(), weights.size(), arguments[1]),
        rppg::select_kernels(*name));
    const auto forward = teacher.make_forward();
    std::printf("%s", *name);
    for (std::size_t at = 0; at < steps.size(); at += 2 * rppg::kPixels)
      std::printf(" %a",
                  static_cast<double>(forward->predict(&steps[at], &steps[at + rppg::kPixels])));
    std::printf("\n");
  }
}
