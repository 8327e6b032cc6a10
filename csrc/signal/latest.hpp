// A ring buffer of the newest values of a stream, which are contiguous in memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace rppg {

// Keeps the newest `rows` rows of `width` values. Each row is stored twice, `rows` rows apart, so
// that any number of the newest rows are contiguous.
template <typename T>
class Latest {
 public:
  explicit Latest(std::size_t rows, std::size_t width = 1)
      : rows_(rows), width_(width), values_(2 * rows * width) {}

  // Adds a row of `width` values.
  void push(const T* row) {
    T* const to = values_.data() + head_ * width_;
    std::copy_n(row, width_, to);
    std::copy_n(row, width_, to + rows_ * width_);
    if (++head_ == rows_) head_ = 0;
  }
  void push(T value) { push(&value); }

  // The newest `count` <= rows rows, the oldest of them first.
  const T* newest(std::size_t count) const {
    return values_.data() + (head_ + rows_ - count) * width_;
  }
  std::size_t rows() const { return rows_; }

 private:
  std::size_t rows_, width_, head_ = 0;
  std::vector<T> values_;
};

}  // namespace rppg
