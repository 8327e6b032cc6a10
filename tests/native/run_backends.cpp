// Prints the changes that every available backend predicts, one line each: the backend's name, then
// hexadecimal floats.
// Usage: run_backends WEIGHTS MOTIONS [BACKEND]
// MOTIONS is a file of float32, [frame][color][y][x]. BACKEND selects one backend.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "network/student.hpp"

namespace {

std::vector<char> read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int given, char** arguments) {
  const std::vector<char> weights = read(arguments[1]), bytes = read(arguments[2]);
  std::vector<float> motions(bytes.size() / sizeof(float));
  std::memcpy(motions.data(), bytes.data(), bytes.size());
  const std::size_t count = motions.size() / rppg::kPixels;
  const auto scratch = std::make_unique<rppg::StudentScratch>();
  for (const char* const* name = rppg::available_backends(); *name; ++name) {
    if (given > 3 && std::strcmp(*name, arguments[3]) != 0) continue;
    const rppg::Student student(rppg::read_weights(weights.data(), weights.size(), arguments[1]),
                                rppg::select_kernels(*name));
    std::printf("%s", *name);
    for (std::size_t i = 0; i < count; ++i)
      std::printf(" %a", static_cast<double>(
                             student.predict(motions.data() + i * rppg::kPixels, *scratch)));
    std::printf("\n");
  }
}
