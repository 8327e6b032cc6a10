// Fuzzes the readers of weights: any bytes as a weights file, and any bytes as the header of a file
// with all tensor bytes present.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "face/weights.hpp"
#include "network/student.hpp"

namespace {

constexpr std::size_t kTensorBytes = 4 * (32 * 27 + 32 + 64 * 32 * 9 + 64 + rppg::kFeatures + 1);

// Tensors of 2 MB are too large for a fuzzer to produce, so that the readers of the face detector's
// and of the teacher's weights must always refuse.
template <class Read>
void refuse(Read&& read, const void* data, std::size_t size) {
  try {
    read(data, size, "fuzz");
  } catch (const std::invalid_argument& error) {
    if (std::string(error.what()).rfind("fuzz: ", 0) == 0) return;
  }
  std::abort();
}

void read(const void* data, std::size_t size) {
  refuse(rppg::read_face_networks, data, size);
  refuse(rppg::read_teacher_weights, data, size);
  std::unique_ptr<const rppg::StudentWeights> weights;
  try {
    weights = rppg::read_weights(data, size, "fuzz");
  } catch (const std::invalid_argument& error) {
    if (std::string(error.what()).rfind("fuzz: ", 0) != 0)
      std::abort();  // the message must name the file
    return;
  }
  if (weights->metadata.at("version") != "1") std::abort();
  const rppg::Student student(std::move(weights), rppg::select_kernels("auto"));
  static const auto scratch = std::make_unique<rppg::StudentScratch>();
  alignas(rppg::kAlignment) static const float motion[rppg::kPixels] = {1.0f, -2.0f};
  student.predict(motion, *scratch);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read(data, size);
  std::vector<unsigned char> file(8 + size + kTensorBytes);
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<unsigned char>(size >> (8 * i));
  if (size > 0) std::memcpy(file.data() + 8, data, size);
  read(file.data(), file.size());
  return 0;
}
