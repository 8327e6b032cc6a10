#include "reading/classical.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "kernels/double2.hpp"
#include "signal/elementary.hpp"
#include "signal/spectrum.hpp"

namespace rppg {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kBlockSeconds = 1.6;  // s, one beat or more (Wang et al., 2017)
// Variance of a relative color below which there are rounding errors only.
constexpr double kStill = 1e-18;

// Number of values in a row. The row of a sample, or of a block after summation: the signals a, b,
// c, a color for normalisation, aa, bb, ac, bc, ab, cc; for CHROM also two more colors. The row
// of coefficients: those of a, b, c and 1; for CHROM also the same times a cosine and times a sine.
constexpr int kPosRow = 10, kChromRow = 12;
constexpr int kFlatRow = 4, kHannRow = 3 * kFlatRow;

std::size_t block_length(double rate, std::size_t count) {
  const double whole = std::max(2.0, std::nearbyint(kBlockSeconds * rate));
  return std::min(count, static_cast<std::size_t>(whole));
}

void put_signals(double a, double b, double c, double* signals, double color, double* row) {
  const Double2 ab{a, b};
  store(ab, signals);
  store(Double2{c, 1.0}, signals + 2);
  store(ab, row);
  store(Double2{c, color}, row + 2);
  store(ab * ab, row + 4);
  store(ab * both(c), row + 6);
  store(Double2{a, c} * Double2{b, c}, row + 8);
}

// Replaces each of the first `blocks` rows by the sum of the `length` rows that begin there. A sum
// is composed of partial sums that begin and end at multiples of `length`. No value outside of a
// block is ever added and subtracted again, because that would leave rounding errors: if a channel
// is black, its sums are exactly zero.
template <int kWidth>
void sum_blocks(double* rows, std::size_t blocks, std::size_t length) {
  constexpr int kPairs = kWidth / 2;
  for (std::size_t first = 0; first < blocks; first += length) {
    Double2 sum[kPairs] = {};
    double* row = rows + (first + length) * kWidth;
    for (std::size_t t = 0; t < length; ++t) {
      row -= kWidth;
      for (int i = 0; i < kPairs; ++i) {
        sum[i] += load(row + 2 * i);
        store(sum[i], row + 2 * i);
      }
    }
    const std::size_t end = std::min(first + length, blocks);
    for (Double2& each : sum) each = Double2{};
    for (std::size_t t = first + 1; t < end; ++t) {
      row += kWidth;
      const double* const next = row + (length - 1) * kWidth;
      for (int i = 0; i < kPairs; ++i) {
        sum[i] += load(next + 2 * i);
        store(load(row + 2 * i) + sum[i], row + 2 * i);
      }
    }
  }
}

// Transposes the rows of two blocks to pairs of each value.
template <int kWidth>
void turn(const double* rows, Double2* values) {
  for (int i = 0; i < kWidth; i += 2) {
    const Double2 one = load(rows + i), other = load(rows + kWidth + i);
    values[i] = Double2{one[0], other[0]};
    values[i + 1] = Double2{one[1], other[1]};
  }
}

// Variances and covariances of the signals over each of two blocks.
struct Moments {
  Double2 aa, bb, ac, bc, ab, cc;

  explicit Moments(const Double2* means)
      : aa(means[4] - means[0] * means[0]),
        bb(means[5] - means[1] * means[1]),
        ac(means[6] - means[0] * means[2]),
        bc(means[7] - means[1] * means[2]),
        ab(means[8] - means[0] * means[1]),
        cc(means[9] - means[2] * means[2]) {}

  Double2 variance(const Double2* by) const {
    return by[0] * (by[0] * aa + 2.0 * (by[1] * ab + by[2] * ac)) +
           by[1] * (by[1] * bb + 2.0 * by[2] * bc) + by[2] * by[2] * cc;
  }
};

Double2 relative_scales(Double2 means) { return 1.0 / (means > Double2{} ? means : both(1.0)); }

// The ratio of two standard deviations, from their variances x and y; 0 if y is a rounding error.
Double2 deviation_ratio(Double2 x, Double2 y) {
  const auto moves = y > both(kStill);
  const Double2 square = (x > Double2{} ? x : Double2{}) / (moves ? y : both(1.0));
  return moves ? Double2{std::sqrt(square[0]), std::sqrt(square[1])} : Double2{};
}

// Writes the coefficients of one of two blocks, times a factor, as a row.
void put_row(const Double2* coefficients, int which, double factor, double* row) {
  store(Double2{coefficients[0][which], coefficients[1][which]} * both(factor), row);
  store(Double2{coefficients[2][which], coefficients[3][which]} * both(factor), row + 2);
}

// How a method combines the signals of a block: the coefficients of x and of y, for two blocks, and
// the sign in x + sign * (deviation of x / deviation of y) * y.
struct Axes {
  Double2 x[3], y[3];
  double sign;
};

// Blue minus green, and twice red minus green and blue. These are the negatives of the paper's
// signals.
Axes pos_axes(const Double2* means) {
  const Double2 red = relative_scales(means[3]), green = relative_scales(means[2]),
                blue = relative_scales(means[2] - means[0]);
  return {{-blue, Double2{}, blue - green}, {blue - red, -red, 2.0 * red - green - blue}, 1.0};
}

Axes chrom_axes(const Double2* means) {
  const Double2 red = relative_scales(means[3]), green = relative_scales(means[10]),
                blue = relative_scales(means[11]);
  return {{3.0 * red, -2.0 * green, Double2{}}, {1.5 * red, green, -1.5 * blue}, -1.0};
}

// Computes each block's coefficients of the signals and of 1, which removes the mean over the
// block. Calls put(t, coefficients) for each pair of blocks that begins at an even t.
// `choose(means)` returns the Axes for the mean values of a row, for two blocks.
template <int kWidth, typename Choose, typename Put>
void project(const double* sums, std::size_t blocks, std::size_t length, Choose&& choose,
             Put&& put) {
  const Double2 share = both(1.0 / static_cast<double>(length));
  for (std::size_t t = 0; t < blocks; t += 2) {
    Double2 means[kWidth], coefficients[kFlatRow];
    turn<kWidth>(sums + t * kWidth, means);
    for (Double2& mean : means) mean *= share;
    const Axes axes = choose(means);
    const Moments moments(means);
    const Double2 ratio =
        axes.sign * deviation_ratio(moments.variance(axes.x), moments.variance(axes.y));
    for (int i = 0; i < 3; ++i) coefficients[i] = axes.x[i] + ratio * axes.y[i];
    coefficients[3] =
        -(coefficients[0] * means[0] + coefficients[1] * means[1] + coefficients[2] * means[2]);
    put(t, coefficients);
  }
}

// A channel relative to its mean. The values are local copies, because stores to other arrays would
// make the compiler read members again each time.
struct Relative {
  const double* samples;
  double scale;

  Relative(const double* channel, std::size_t count)
      : samples(channel), scale(relative_scale(channel_mean(channel, count))) {}
  double operator[](std::size_t i) const { return samples[i] * scale; }
};

}  // namespace

double channel_mean(const double* samples, std::size_t count) {
  constexpr std::size_t kSums = 4;  // independent sums, so that no addition waits for another
  Double2 sums[kSums] = {};
  std::size_t i = 0;
  for (; i + 2 * kSums <= count; i += 2 * kSums)
    for (std::size_t k = 0; k < kSums; ++k) sums[k] += load(samples + i + 2 * k);
  for (; i < count; ++i) sums[0][0] += samples[i];
  const Double2 total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  return (total[0] + total[1]) / static_cast<double>(count);
}

void green_pulse(const double* const color[kChannels], std::size_t count, double* out) {
  const double mean = channel_mean(color[1], count), scale = relative_scale(mean);
  for (std::size_t i = 0; i < count; ++i) out[i] = (mean - color[1][i]) * scale;
}

Classical::Classical(double rate, std::size_t max_samples)
    : rate_(rate), max_samples_(max_samples) {
  check_rate(rate);
  if (max_samples < 1) throw std::invalid_argument("a window needs at least 1 sample, not 0");
  // Blocks are processed in pairs; the last block may be paired with a row without meaning.
  signals_.resize(max_samples * kFlatRow);
  sums_.resize((max_samples + 1) * kChromRow);
  coefficients_.resize((max_samples + block_length(rate, max_samples)) * kHannRow);
  for (auto* each : {&cosine_, &sine_}) each->resize(max_samples + 1);
  for (auto* each : {&flat_, &hann_}) each->resize(max_samples);
}

void Classical::prepare(std::size_t count) {
  if (count < 1 || count > max_samples_)
    throw std::invalid_argument("a window takes from 1 to " + std::to_string(max_samples_) +
                                " samples, not " + std::to_string(count));
  if (count == count_) return;
  count_ = count;
  length_ = block_length(rate_, count);
  blocks_ = count - length_ + 1;
  const std::size_t period = length_ + 1;
  if (period !=
      period_) {  // `count` may change with every window, the length of a block seldom does
    for (std::size_t k = 0; k < cosine_.size(); ++k) {
      const double angle = 2.0 * kPi * static_cast<double>(k) / static_cast<double>(period);
      cosine_[k] = k < period ? elementary::cos(angle) : cosine_[k - period];
      sine_[k] = k < period ? elementary::sin(angle) : sine_[k - period];
    }
    period_ = period;
  }
  // The cover of a sample is the sum of the weights of the blocks that contain it. From one sample
  // to the next it gains a block's weight, and loses one after the first block's beginning has
  // passed. The cover is symmetric about the middle of the window.
  const auto weight = [&](std::size_t k) { return 0.5 - 0.5 * cosine_[k + 1]; };
  double cover = 0;
  for (std::size_t s = 0; s < (count + 1) / 2; ++s) {
    if (s < length_) cover += weight(s);
    if (s >= blocks_) cover -= weight(s - blocks_);
    hann_[s] = hann_[count - 1 - s] = 1.0 / cover;
    const auto covering = static_cast<double>(std::min({s + 1, length_, blocks_}));
    flat_[s] = flat_[count - 1 - s] = 1.0 / covering;
  }
}

void Classical::clear_borders(std::size_t width) {
  const std::size_t border = (length_ - 1) * width;
  std::fill_n(coefficients_.data(), border, 0.0);
  std::fill_n(coefficients_.data() + border + blocks_ * width, border, 0.0);
}

void Classical::pos(const double* const color[kChannels], std::size_t count, double* out) {
  prepare(count);
  const Relative red(color[0], count), green(color[1], count), blue(color[2], count);
  double *const signals = signals_.data(), *const sums = sums_.data();
  // The signals are green minus blue, green plus blue minus twice red, and green. A change of all
  // colors together, which is far larger than a pulse, appears in the last signal only.
  for (std::size_t i = 0; i < count; ++i) {
    const double r = red[i], g = green[i], b = blue[i];
    put_signals(g - b, (g + b) - 2.0 * r, g, signals + i * kFlatRow, r, sums + i * kPosRow);
  }
  sum_blocks<kPosRow>(sums, blocks_, length_);

  double* const coefficients = coefficients_.data();
  double* const first = coefficients + (length_ - 1) * kFlatRow;
  project<kPosRow>(sums, blocks_, length_, pos_axes, [first](std::size_t t, const Double2* block) {
    put_row(block, 0, 1.0, first + t * kFlatRow);
    put_row(block, 1, 1.0, first + (t + 1) * kFlatRow);
  });
  clear_borders(kFlatRow);
  sum_blocks<kFlatRow>(coefficients, count, length_);
  const double* const inverse_cover = flat_.data();
  for (std::size_t s = 0; s < count; ++s) {
    const double* const factors = coefficients + s * kFlatRow;
    const double* const signal = signals + s * kFlatRow;
    const Double2 halves = load(factors) * load(signal) + load(factors + 2) * load(signal + 2);
    out[s] = (halves[0] + halves[1]) * inverse_cover[s];
  }
}

void Classical::chrom(const double* const color[kChannels], const double* const filtered[kChannels],
                      std::size_t count, double* out) {
  prepare(count);
  const Relative red(color[0], count), green(color[1], count), blue(color[2], count);
  const double *const f_red = filtered[0], *const f_green = filtered[1],
                      *const f_blue = filtered[2];
  double *const signals = signals_.data(), *const sums = sums_.data();
  for (std::size_t i = 0; i < count; ++i) {
    double* const row = sums + i * kChromRow;
    put_signals(f_red[i] * red.scale, f_green[i] * green.scale, f_blue[i] * blue.scale,
                signals + i * kFlatRow, red[i], row);
    store(Double2{green[i], blue[i]}, row + kPosRow);
  }
  sum_blocks<kChromRow>(sums, blocks_, length_);

  // Blocks are weighted by np.hanning(length + 2)[1:-1], which is half of 1 minus a cosine. For the
  // blocks t that contain sample s,
  //   cos((s - t + 1) angle) = cos((s + 1) angle) cos(t angle) + sin((s + 1) angle) sin(t angle).
  // Therefore plain sums of the coefficients, and of the coefficients times cos(t angle) and times
  // sin(t angle), are sufficient.
  double* const coefficients = coefficients_.data();
  double* const first = coefficients + (length_ - 1) * kHannRow;
  const double *const cosine = cosine_.data(), *const sine = sine_.data();
  project<kChromRow>(sums, blocks_, length_, chrom_axes,
                     [first, cosine, sine](std::size_t t, const Double2* block) {
                       for (int i = 0; i < 2; ++i, ++t) {
                         double* const row = first + t * kHannRow;
                         put_row(block, i, 1.0, row);
                         put_row(block, i, cosine[t], row + kFlatRow);
                         put_row(block, i, sine[t], row + 2 * kFlatRow);
                       }
                     });
  clear_borders(kHannRow);
  sum_blocks<kHannRow>(coefficients, count, length_);
  const double* const inverse_cover = hann_.data();
  for (std::size_t s = 0; s < count; ++s) {
    const double* const factors = coefficients + s * kHannRow;
    const double* const signal = signals + s * kFlatRow;
    const Double2 c = both(cosine[s + 1]), d = both(sine[s + 1]);
    Double2 halves{};
    for (int i = 0; i < kFlatRow; i += 2)
      halves += (load(factors + i) - c * load(factors + kFlatRow + i) -
                 d * load(factors + 2 * kFlatRow + i)) *
                load(signal + i);
    out[s] = 0.5 * (halves[0] + halves[1]) * inverse_cover[s];
  }
}

}  // namespace rppg
