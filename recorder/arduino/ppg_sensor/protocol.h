// Lines that the sketch sends and reads; recorder/README.md describes them.
#pragma once

#include <Arduino.h>

namespace protocol {

const uint8_t kVersion = 1;
const uint8_t kLongest = 48;  // characters of a line

// CRC-16 with the polynomial 0x1021 and the start value 0 (XMODEM).
inline uint16_t crc16(const char* text, uint8_t length) {
  uint16_t crc = 0;
  for (uint8_t i = 0; i < length; ++i) {
    crc ^= static_cast<uint16_t>(static_cast<uint8_t>(text[i])) << 8;
    for (uint8_t bit = 0; bit < 8; ++bit) {
      crc =
          crc & 0x8000 ? static_cast<uint16_t>(crc << 1) ^ 0x1021 : static_cast<uint16_t>(crc << 1);
    }
  }
  return crc;
}

// A line under construction: a letter, fields after commas, then a checksum.
class Line {
 public:
  explicit Line(char kind) { put(kind); }

  Line& letters(const char* text) {
    put(',');
    while (*text) put(*text++);
    return *this;
  }

  Line& number(uint32_t value) {
    char digits[10];
    uint8_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value > 0);
    put(',');
    while (count > 0) put(digits[--count]);
    return *this;
  }

  // Sends the line if it fits into the send buffer, so that the sketch never waits.
  bool send(int free_when_idle) {
    const uint16_t crc = crc16(text_, length_);
    put('*');
    for (int8_t shift = 12; shift >= 0; shift = static_cast<int8_t>(shift - 4)) {
      put("0123456789ABCDEF"[(crc >> shift) & 15]);
    }
    put('\n');
    // Boards that do not tell how much is free have 0 when idle.
    if (free_when_idle > 0 && Serial.availableForWrite() < length_) return false;
    Serial.write(reinterpret_cast<const uint8_t*>(text_), length_);
    return true;
  }

 private:
  void put(char character) {
    if (length_ < kLongest) text_[length_++] = character;
  }

  char text_[kLongest];
  uint8_t length_ = 0;
};

// A request of the host: a letter and a number.
struct Request {
  char kind;
  uint32_t value;
};

// Collects characters; gives a request at the end of a line with a right checksum.
class Reader {
 public:
  bool push(char character, Request& request) {
    if (character == '\n') {
      const bool whole = length_ <= kLongest && parse(request);
      length_ = 0;
      return whole;
    }
    if (length_ < kLongest) text_[length_] = character;
    if (length_ <= kLongest) ++length_;  // one more than fits marks a line that is too long
    return false;
  }

 private:
  bool parse(Request& request) const {
    if (length_ < 8 || text_[1] != ',' || text_[length_ - 5] != '*') return false;
    const uint8_t end = length_ - 5;
    uint16_t crc = 0;
    for (uint8_t i = end + 1; i < length_; ++i) {
      const char digit = text_[i];
      const bool decimal = digit >= '0' && digit <= '9';
      if (!decimal && !(digit >= 'A' && digit <= 'F')) return false;
      crc = static_cast<uint16_t>(crc << 4 | (decimal ? digit - '0' : digit - 'A' + 10));
    }
    if (crc != crc16(text_, end)) return false;
    request.kind = text_[0];
    request.value = 0;
    for (uint8_t i = 2; i < end; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return false;
      request.value = request.value * 10 + static_cast<uint32_t>(text_[i] - '0');
    }
    return true;
  }

  char text_[kLongest];
  uint8_t length_ = 0;
};

}  // namespace protocol
