// The bytes of standard input, and the times of the frames in it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "options.hpp"

// Standard input with a buffer for bytes that were read ahead. Throws InputError.
class PipeInput {
 public:
  // Returns at least the next `count` bytes without removing them; fewer at the end of the input.
  const std::vector<std::uint8_t>& peek(std::size_t count);
  // Reads `count` bytes; returns how many there were: fewer at the end and after a signal.
  std::size_t read(std::uint8_t* to, std::size_t count);
  // Appends the available bytes to `to`, at least one; returns false at the end.
  bool read_some(std::vector<std::uint8_t>& to);
  // Reads a line without its line end; returns false at the end of the input. A line of more than
  // `longest` bytes is an InputError.
  bool read_line(std::string& line, std::size_t longest);
  // Whether a signal interrupted a read.
  bool interrupted() const { return interrupted_; }

 private:
  // Read from standard input, bypassing the buffer: read_directly until `count` bytes are there,
  // read_once what one system call returns. Fewer bytes, or none, at the end and after a signal.
  std::size_t read_directly(std::uint8_t* to, std::size_t count);
  std::size_t read_once(std::uint8_t* to, std::size_t count);

  std::vector<std::uint8_t> ahead_;
  bool interrupted_ = false;
};

// The times of frames according to the options: from a file, from the clock, or from a frame rate.
class FrameTimes {
 public:
  // `rate` is the frame rate of the stream itself, Hz; 0 if unknown. It is used if the options give
  // no frame rate.
  FrameTimes(const Options& options, double rate);

  // The time of the next frame, s.
  double next();
  // Number of frames so far.
  long count() const { return count_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  double from_file();

  double rate_;
  bool arrival_;
  std::string name_;
  std::unique_ptr<std::FILE, Close> file_;
  long count_ = 0;
};
