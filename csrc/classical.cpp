#include "classical.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

namespace rppg {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kFastest = 1e5;       // Hz; keeps lengths within reason
constexpr double kBlockSeconds = 1.6;  // one beat or more (Wang et al., 2017)
// Variance of a relative colour below which there are rounding errors only.
constexpr double kStill = 1e-18;

// Two doubles at once in plain C++, as in kernels/floats.hpp.
using Pair = double __attribute__((vector_size(16)));

Pair load(const double* from) {
  Pair out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

void store(Pair values, double* to) { std::memcpy(to, &values, sizeof values); }

Pair both(double value) { return Pair{value, value}; }

// Values in a row. Of a sample or, summed, of a block: signals a, b, c, a colour to divide by,
// aa, bb, ac, bc, ab, cc; for CHROM also two more colours. Of coefficients: those of a, b, c and 1,
// for CHROM also times a cosine and times a sine.
constexpr int kPosRow = 10, kChromRow = 12;
constexpr int kFlatRow = 4, kHannRow = 3 * kFlatRow;

std::size_t block_length(double rate, std::size_t count) {
  const double whole = std::max(2.0, std::nearbyint(kBlockSeconds * rate));
  return std::min(count, static_cast<std::size_t>(whole));
}

void put_signals(double a, double b, double c, double* signals, double colour, double* row) {
  const Pair ab{a, b};
  store(ab, signals);
  store(Pair{c, 1.0}, signals + 2);
  store(ab, row);
  store(Pair{c, colour}, row + 2);
  store(ab * ab, row + 4);
  store(ab * both(c), row + 6);
  store(Pair{a, c} * Pair{b, c}, row + 8);
}

// Sums of `length` rows, from each of the first `blocks` on, in place of that row. They are put
// together from sums that begin and end at multiples of `length`. So nothing that lies outside of a
// block is ever added and taken away again, which would leave rounding errors: where a channel is
// black, its sums are exactly zero.
template <int kWidth>
void sum_blocks(double* rows, std::size_t blocks, std::size_t length) {
  constexpr int kPairs = kWidth / 2;
  for (std::size_t first = 0; first < blocks; first += length) {
    Pair sum[kPairs] = {};
    double* row = rows + (first + length) * kWidth;
    for (std::size_t t = 0; t < length; ++t) {
      row -= kWidth;
      for (int i = 0; i < kPairs; ++i) {
        sum[i] += load(row + 2 * i);
        store(sum[i], row + 2 * i);
      }
    }
    const std::size_t end = std::min(first + length, blocks);
    for (Pair& each : sum) each = Pair{};
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

// Rows of two blocks, turned: a pair of each value.
template <int kWidth>
void turn(const double* rows, Pair* values) {
  for (int i = 0; i < kWidth; i += 2) {
    const Pair one = load(rows + i), other = load(rows + kWidth + i);
    values[i] = Pair{one[0], other[0]};
    values[i + 1] = Pair{one[1], other[1]};
  }
}

// First and second moments of the signals over each of two blocks.
struct Moments {
  Pair a, b, c, aa, bb, ac, bc, ab, cc;

  Moments(const Pair* sums, Pair share)
      : a(sums[0] * share),
        b(sums[1] * share),
        c(sums[2] * share),
        aa(sums[4] * share - a * a),
        bb(sums[5] * share - b * b),
        ac(sums[6] * share - a * c),
        bc(sums[7] * share - b * c),
        ab(sums[8] * share - a * b),
        cc(sums[9] * share - c * c) {}

  Pair variance(const Pair* by) const {
    return by[0] * (by[0] * aa + 2.0 * (by[1] * ab + by[2] * ac)) +
           by[1] * (by[1] * bb + 2.0 * by[2] * bc) + by[2] * by[2] * cc;
  }
};

Pair relative_scales(Pair means) {
  return Pair{relative_scale(means[0]), relative_scale(means[1])};
}

// The ratio of two standard deviations; none where there are but rounding errors to divide by.
double deviation_ratio(double x, double y) {
  return y > kStill ? std::sqrt(std::max(x, 0.0) / y) : 0.0;
}

// The coefficients for x + sign * (deviation of x / deviation of y) * y without its mean over the
// block: pairs of those of a, b, c and 1.
void combine(const Moments& moments, const Pair* x, double sign, const Pair* y, Pair* out) {
  const Pair of_x = moments.variance(x), of_y = moments.variance(y);
  const Pair ratio = Pair{deviation_ratio(of_x[0], of_y[0]), deviation_ratio(of_x[1], of_y[1])};
  for (int i = 0; i < 3; ++i) out[i] = x[i] + sign * ratio * y[i];
  out[3] = -(out[0] * moments.a + out[1] * moments.b + out[2] * moments.c);
}

// The coefficients of one of two blocks, times a factor, as a row.
void put_row(const Pair* coefficients, int which, double factor, double* row) {
  store(Pair{coefficients[0][which], coefficients[1][which]} * both(factor), row);
  store(Pair{coefficients[2][which], coefficients[3][which]} * both(factor), row + 2);
}

}  // namespace

double channel_mean(const double* samples, std::size_t count) {
  constexpr std::size_t kSums = 4;  // none of which waits for another
  Pair sums[kSums] = {};
  std::size_t i = 0;
  for (; i + 2 * kSums <= count; i += 2 * kSums)
    for (std::size_t k = 0; k < kSums; ++k) sums[k] += load(samples + i + 2 * k);
  for (; i < count; ++i) sums[0][0] += samples[i];
  const Pair total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  return (total[0] + total[1]) / static_cast<double>(count);
}

void green_pulse(const double* const colour[kChannels], std::size_t count, double* out) {
  const double mean = channel_mean(colour[1], count), scale = relative_scale(mean);
  for (std::size_t i = 0; i < count; ++i) out[i] = (mean - colour[1][i]) * scale;
}

Classical::Classical(double rate, std::size_t max_samples)
    : rate_(rate), max_samples_(max_samples) {
  if (!(rate > 0 && rate <= kFastest))
    throw std::invalid_argument("the sampling rate must be positive and at most 100 kHz, is " +
                                std::to_string(rate) + " Hz");
  if (max_samples < 1) throw std::invalid_argument("a window needs at least 1 sample, not 0");
  // Blocks are worked out in twos: the last one may be joined by a row of no meaning.
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
  for (std::size_t k = 0; k <= count; ++k) {
    const double angle = 2.0 * kPi * static_cast<double>(k % period) / static_cast<double>(period);
    cosine_[k] = std::cos(angle);
    sine_[k] = std::sin(angle);
  }
  // A sample's cover grows by the weight of a block's end and loses that of the first block's
  // beginning; the last samples' is that of the first ones in reverse.
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

void Classical::pos(const double* const colour[kChannels], std::size_t count, double* out) {
  prepare(count);
  double scale[kChannels];
  for (int c = 0; c < kChannels; ++c) scale[c] = relative_scale(channel_mean(colour[c], count));
  // The signals are green less blue, both less twice red, and green: what changes all colours
  // alike, which is far more than a pulse, is in the last one only.
  for (std::size_t i = 0; i < count; ++i) {
    const double red = colour[0][i] * scale[0], green = colour[1][i] * scale[1],
                 blue = colour[2][i] * scale[2];
    put_signals(green - blue, (green + blue) - 2.0 * red, green, &signals_[i * kFlatRow], red,
                &sums_[i * kPosRow]);
  }
  sum_blocks<kPosRow>(sums_.data(), blocks_, length_);

  const Pair share = both(1.0 / static_cast<double>(length_));
  double* row = &coefficients_[(length_ - 1) * kFlatRow];
  for (std::size_t t = 0; t < blocks_; t += 2, row += 2 * kFlatRow) {
    Pair sums[kPosRow], coefficients[kFlatRow];
    turn<kPosRow>(&sums_[t * kPosRow], sums);
    const Pair red = relative_scales(sums[3] * share), green = relative_scales(sums[2] * share),
               blue = relative_scales((sums[2] - sums[0]) * share);
    const Pair x[] = {-blue, Pair{}, blue - green};                 // blue - green
    const Pair y[] = {blue - red, -red, 2.0 * red - green - blue};  // twice red - green - blue
    combine(Moments(sums, share), x, 1.0, y, coefficients);
    put_row(coefficients, 0, 1.0, row);
    put_row(coefficients, 1, 1.0, row + kFlatRow);
  }
  clear_borders(kFlatRow);
  sum_blocks<kFlatRow>(coefficients_.data(), count, length_);
  for (std::size_t s = 0; s < count; ++s) {
    const double *const sums = &coefficients_[s * kFlatRow], *const signal =
                                                                 &signals_[s * kFlatRow];
    const Pair both_halves = load(sums) * load(signal) + load(sums + 2) * load(signal + 2);
    out[s] = (both_halves[0] + both_halves[1]) * flat_[s];
  }
}

void Classical::chrom(const double* const colour[kChannels],
                      const double* const filtered[kChannels], std::size_t count, double* out) {
  prepare(count);
  double scale[kChannels];
  for (int c = 0; c < kChannels; ++c) scale[c] = relative_scale(channel_mean(colour[c], count));
  for (std::size_t i = 0; i < count; ++i) {
    double* const row = &sums_[i * kChromRow];
    put_signals(filtered[0][i] * scale[0], filtered[1][i] * scale[1], filtered[2][i] * scale[2],
                &signals_[i * kFlatRow], colour[0][i] * scale[0], row);
    store(Pair{colour[1][i] * scale[1], colour[2][i] * scale[2]}, row + kPosRow);
  }
  sum_blocks<kChromRow>(sums_.data(), blocks_, length_);

  // Blocks are weighted by np.hanning(length + 2)[1:-1], half of one less a cosine. Over the blocks
  // t that cover sample s,
  //   cos((s - t + 1) angle) = cos((s + 1) angle) cos(t angle) + sin((s + 1) angle) sin(t angle),
  // so that plain sums of the coefficients, and of these times either factor of t, are enough.
  const Pair share = both(1.0 / static_cast<double>(length_));
  double* row = &coefficients_[(length_ - 1) * kHannRow];
  for (std::size_t t = 0; t < blocks_; t += 2, row += 2 * kHannRow) {
    Pair sums[kChromRow], coefficients[kFlatRow];
    turn<kChromRow>(&sums_[t * kChromRow], sums);
    const Pair red = relative_scales(sums[3] * share), green = relative_scales(sums[10] * share),
               blue = relative_scales(sums[11] * share);
    const Pair x[] = {3.0 * red, -2.0 * green, Pair{}};
    const Pair y[] = {1.5 * red, green, -1.5 * blue};
    combine(Moments(sums, share), x, -1.0, y, coefficients);
    for (int i = 0; i < 2; ++i) {
      double* const each = row + i * kHannRow;
      put_row(coefficients, i, 1.0, each);
      put_row(coefficients, i, cosine_[t + static_cast<std::size_t>(i)], each + kFlatRow);
      put_row(coefficients, i, sine_[t + static_cast<std::size_t>(i)], each + 2 * kFlatRow);
    }
  }
  clear_borders(kHannRow);
  sum_blocks<kHannRow>(coefficients_.data(), count, length_);
  for (std::size_t s = 0; s < count; ++s) {
    const double *const sums = &coefficients_[s * kHannRow], *const signal =
                                                                 &signals_[s * kFlatRow];
    const Pair cosine = both(cosine_[s + 1]), sine = both(sine_[s + 1]);
    Pair both_halves{};
    for (int i = 0; i < kFlatRow; i += 2)
      both_halves += (load(sums + i) - cosine * load(sums + kFlatRow + i) -
                      sine * load(sums + 2 * kFlatRow + i)) *
                     load(signal + i);
    out[s] = (both_halves[0] + both_halves[1]) * 0.5 * hann_[s];
  }
}

}  // namespace rppg
