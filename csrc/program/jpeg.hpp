// JPEG pictures, of which many cameras make their stream. Decoded by libjpeg, where this build has
// it.
#pragma once

#include <rppg_fast.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "options.hpp"

// Finds where a picture ends, by its markers.
class JpegScanner {
 public:
  // Goes on with the bytes from `begin`, which are those of the last call and more behind them.
  // True where a whole picture is there, `length` bytes from `begin`, which moves past what is no
  // picture.
  bool scan(const std::vector<std::uint8_t>& bytes, std::size_t& begin, std::size_t& length);

 private:
  std::size_t at_ = 0;   // how far from `begin` it has come
  bool inside_ = false;  // a picture has begun
  bool coded_ = false;   // at_ is among the coded samples
};

class JpegDecoder {
 public:
  // Throws InputError, saying what to do, where this build has no decoder.
  JpegDecoder();
  ~JpegDecoder();

  // Decodes a picture; the frame lives until the next call. False where it is damaged.
  bool decode(const std::uint8_t* data, std::size_t length, rppg_frame& frame);

  // Says once what was wrong with the picture of that number, which is left out.
  void complain(long number);

 private:
  struct Codec;
  std::unique_ptr<Codec> codec_;
  std::vector<std::uint8_t> pixels_;
  std::string damage_;
  bool complained_ = false;
};
