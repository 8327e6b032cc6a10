// Standard input in bytes, and the times of the frames on it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "options.hpp"

// Standard input, read ahead as far as somebody has looked. Throws InputError.
class PipeInput {
 public:
  // The next bytes without taking them, at most so many; fewer at the end.
  const std::vector<std::uint8_t>& peek(std::size_t count);
  // Takes bytes; returns how many there were, fewer at the end and after a signal.
  std::size_t read(std::uint8_t* to, std::size_t count);
  // Takes whatever is there next, at least a byte, and puts it behind `to`; false at the end.
  bool read_some(std::vector<std::uint8_t>& to);
  // Takes a line without its end; false at the end. One of over `longest` bytes is an InputError.
  bool read_line(std::string& line, std::size_t longest);
  // A signal has come.
  bool interrupted() const { return interrupted_; }

 private:
  // Past what was read ahead: bytes until there are so many, or what one call gives; fewer, or
  // none, at the end and after a signal.
  std::size_t read_directly(std::uint8_t* to, std::size_t count);
  std::size_t read_once(std::uint8_t* to, std::size_t count);

  std::vector<std::uint8_t> ahead_;
  bool interrupted_ = false;
};

// When frames were seen, as the options say: in a file, by the clock, or at a rate.
class FrameTimes {
 public:
  // `rate` (Hz) is the stream's own, 0 where it has none; it counts where the options say nothing.
  FrameTimes(const Options& options, double rate);

  // The time of the next frame, s.
  double next();
  // Frames so far.
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
