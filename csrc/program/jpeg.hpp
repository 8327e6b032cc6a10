// Streams of JPEG pictures, which many cameras deliver. libjpeg decodes them if this build has it.
#pragma once

#include <rppg_fast.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "options.hpp"

// Finds the end of a picture by its markers.
class JpegScanner {
 public:
  // Continues with the bytes from `begin`: those of the last call, and new ones after them. Returns
  // true if there is a whole picture, `length` bytes from `begin`. `begin` moves past bytes that
  // are not part of a picture.
  bool scan(const std::vector<std::uint8_t>& bytes, std::size_t& begin, std::size_t& length);

 private:
  std::size_t at_ = 0;   // bytes from `begin` that were scanned
  bool inside_ = false;  // a picture has begun
  bool coded_ = false;   // at_ is in the entropy-coded data
};

class JpegDecoder {
 public:
  // Throws InputError with a remedy if this build has no decoder.
  JpegDecoder();
  ~JpegDecoder();

  // Decodes a picture; the frame is valid until the next call. Returns false if it is damaged.
  bool decode(const std::uint8_t* data, std::size_t length, rppg_frame& frame);

  // Reports once what was wrong with picture `number`, which is left out.
  void complain(long number);

 private:
  struct Codec;
  std::unique_ptr<Codec> codec_;
  std::vector<std::uint8_t> pixels_;
  std::string damage_;
  bool complained_ = false;
};
