#include "jpeg.hpp"
#include "source.hpp"

namespace {

constexpr std::uint8_t kMarker = 0xFF, kStart = 0xD8, kEnd = 0xD9, kScan = 0xDA, kStuffed = 0x00;

// Markers without a length field.
bool stands_alone(std::uint8_t marker) {
  return marker == 0x01 || (marker >= 0xD0 && marker <= kEnd);
}

}  // namespace

bool JpegScanner::scan(const std::vector<std::uint8_t>& bytes, std::size_t& begin,
                       std::size_t& length) {
  const auto byte = [&](std::size_t offset) { return bytes[begin + offset]; };
  const auto left = [&] { return bytes.size() - begin; };
  while (!inside_) {
    if (left() < 2) return false;
    if (byte(0) == kMarker && byte(1) == kStart) {
      inside_ = true;
      at_ = 2;
    } else {
      ++begin;
    }
  }
  while (at_ + 1 < left()) {
    if (byte(at_) != kMarker) {
      ++at_;
      continue;
    }
    const std::uint8_t marker = byte(at_ + 1);
    const bool in_data = coded_ && (marker == kStuffed || (marker >= 0xD0 && marker <= 0xD7));
    if (marker == kMarker) {
      ++at_;  // fill byte
    } else if (marker == kEnd) {
      length = at_ + 2;
      *this = {};
      return true;
    } else if (in_data || stands_alone(marker)) {
      at_ += 2;
    } else {
      if (at_ + 3 >= left()) return false;
      coded_ = marker == kScan;
      at_ += 2 + (static_cast<std::size_t>(byte(at_ + 2)) << 8 | byte(at_ + 3));
    }
  }
  return false;
}

void JpegDecoder::complain(long number) {
  if (!complained_)
    warn("JPEG picture " + std::to_string(number) + " is damaged and was skipped (" + damage_ +
         "); further damaged pictures are skipped without a message");
  complained_ = true;
}
