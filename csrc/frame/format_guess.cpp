#include "frame/format_guess.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace rppg {
namespace {

// Widths of common pictures, in pixels.
constexpr int kWidths[] = {160,  176,  240,  256,  320,  352,  360,  384,  400,  424,  432,
                           480,  512,  540,  544,  576,  600,  640,  704,  720,  768,  800,
                           848,  854,  864,  960,  1024, 1080, 1152, 1200, 1280, 1296, 1344,
                           1360, 1366, 1440, 1536, 1600, 1680, 1920, 2048, 2304, 2560, 3840};

// Another format or width must need fewer bits per sample, by kBits and by the share kShare. In
// tests with recorded and drawn pictures, the right one never needed more bits than another
// plausible one by as much as a third of these margins.
constexpr double kBits = 0.5, kShare = 0.25;
// The same for chroma alone, if planes of U and V were given as interleaved: bits per sample, and
// the largest difference of the two channels, which are then alike.
constexpr double kChromaBits = 0.1, kAlike = 0.4;

// The least luma contrast (standard deviation, in grey levels) and the least roughness (bits per
// sample) of a picture that can be judged.
constexpr double kContrast = 6.0, kLeastBits = 0.25;
// Another format or width must give a plausible picture: the roughness across and down agree within
// the factor kIsotropy. The mean of chroma is near the middle and its contrast is less than that of
// luma; or red, green and blue are correlated.
constexpr double kIsotropy = 5.0, kChromaMiddle = 60.0, kChromaContrast = 0.8, kTogether = 0.5;

// Patterns cannot be judged. A picture is a pattern if its rows differ kStripedAcross times as much
// as neighbours in a row (a wrong width gives a factor of about thirty), if neighbours in a row
// differ kStripedDown times as much as rows (U and V read as luma give a factor of about a
// hundred), or if differences exceed those of noise, which are 1.15 standard deviations.
constexpr double kStripedAcross = 100.0, kStripedDown = 1000.0, kAlternating = 1.3;

constexpr int kRows = 120;       // rows that are examined, spread over the picture
constexpr int kFewestRows = 16;  // rows that are needed to judge a channel

// The texture of a channel, in units of 8-bit levels.
struct Texture {
  double residual = 0, across = 0, down = 0;  // mean absolute differences
  double mean = 0, deviation = 0;
  double samples = 0;

  double bits() const { return std::log2(1.0 + residual); }
};

// A channel of bytes, or the upper 8 of the used bits of a channel of words.
struct Samples {
  Plane plane{};
  int rows = 0, columns = 0, drop = 0;
  bool words = false;

  int at(int y, int x) const {
    const std::uint8_t* const from = plane.at(y, x);
    return words ? std::min((from[0] | from[1] << 8) >> drop, 255) : *from;
  }
};

// The frame read with one format and width.
struct Trial {
  Samples channels[3];
  Texture textures[3];
  int count = 0;  // channels that were read

  double bits() const {
    double sum = 0, samples = 0;
    for (int c = 0; c < count; ++c) {
      sum += textures[c].bits() * textures[c].samples;
      samples += textures[c].samples;
    }
    return samples > 0 ? sum / samples : 0.0;
  }
};

Texture texture_of(const Samples& s) {
  Texture out;
  double sum = 0, squares = 0;
  std::int64_t residual = 0, across = 0, down = 0;
  const int step = std::max(1, (s.rows - 1) / kRows);
  for (int y = 1; y < s.rows; y += step)
    for (int x = 1; x < s.columns; ++x) {
      const int here = s.at(y, x), left = s.at(y, x - 1), above = s.at(y - 1, x);
      residual += std::abs(2 * here - left - above);
      across += std::abs(here - left);
      down += std::abs(here - above);
      sum += here;
      squares += here * here;
      ++out.samples;
    }
  if (out.samples == 0) return out;
  out.residual = static_cast<double>(residual) / 2 / out.samples;
  out.across = static_cast<double>(across) / out.samples;
  out.down = static_cast<double>(down) / out.samples;
  out.mean = sum / out.samples;
  out.deviation = std::sqrt(std::max(0.0, squares / out.samples - out.mean * out.mean));
  return out;
}

// Reads those channels of a format for which `bytes` bytes contain enough rows.
Trial read_as(const Format& format, int width, int height, const std::uint8_t* data,
              std::size_t bytes) {
  Trial out;
  const FrameView view = format.view(width, height, data);
  for (int c = 0; c < view.channels(); ++c) {
    Samples samples;
    samples.plane = view.planes[c];
    samples.columns = view.across_of(c).count(width);
    samples.words = view.words();
    samples.drop = view.bits + view.shift - 8;
    const std::ptrdiff_t row_end =
        (samples.columns - 1) * samples.plane.pixel + (view.words() ? 2 : 1);
    const std::ptrdiff_t left =
        static_cast<std::ptrdiff_t>(bytes) - (samples.plane.data - data) - row_end;
    if (left < 0) break;
    samples.rows = static_cast<int>(
        std::min<std::ptrdiff_t>(view.down_of(c).count(height), left / samples.plane.row + 1));
    if (samples.rows < kFewestRows) break;
    out.channels[c] = samples;
    out.textures[c] = texture_of(samples);
    ++out.count;
  }
  return out;
}

// The correlation of two channels of the same size.
double together(const Samples& a, const Samples& b) {
  double n = 0, sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
  const int step = std::max(1, a.rows / kRows);
  for (int y = 0; y < a.rows; y += step)
    for (int x = 0; x < a.columns; ++x) {
      const double p = a.at(y, x), q = b.at(y, x);
      ++n, sum_a += p, sum_b += q, aa += p * p, bb += q * q, ab += p * q;
    }
  const double scale = (aa - sum_a * sum_a / n) * (bb - sum_b * sum_b / n);
  return scale > 0 ? (ab - sum_a * sum_b / n) / std::sqrt(scale) : 0.0;
}

bool is_plausible(const Trial& reading, Colors colors) {
  if (reading.count == 0) return false;
  const Texture& first = reading.textures[0];
  if (first.deviation < kContrast || first.across > kIsotropy * first.down ||
      first.down > kIsotropy * first.across)
    return false;
  for (int c = 1; c < reading.count; ++c) {
    const Texture& texture = reading.textures[c];
    if (colors == Colors::yuv && (std::abs(texture.mean - 128.0) > kChromaMiddle ||
                                  texture.deviation > kChromaContrast * first.deviation))
      return false;
    if (colors == Colors::rgb &&
        (texture.deviation < kContrast ||
         together(reading.channels[c - 1], reading.channels[c]) < kTogether))
      return false;
  }
  return true;
}

// Whether the picture has stripes, or squares of a pixel or two. Regular pictures can look
// plausible in more than one format.
bool is_pattern(const Texture& texture) {
  return texture.down > kStripedAcross * texture.across ||
         texture.across > kStripedDown * texture.down ||
         std::min(texture.across, texture.down) > kAlternating * texture.deviation;
}

bool is_shorter(double other, double given) {
  return other < given - kBits && other < (1.0 - kShare) * given;
}

// The mean absolute difference of two channels of the same size, relative to the standard deviation
// of both together.
double difference(const Trial& reading, int a, int b) {
  const Samples &first = reading.channels[a], &second = reading.channels[b];
  double sum = 0, samples = 0;
  for (int y = 0; y < first.rows; ++y)
    for (int x = 0; x < first.columns; ++x, ++samples)
      sum += std::abs(first.at(y, x) - second.at(y, x));
  const Texture &p = reading.textures[a], &q = reading.textures[b];
  const double apart = (p.mean - q.mean) / 2;
  const double deviation =
      std::sqrt((p.deviation * p.deviation + q.deviation * q.deviation) / 2 + apart * apart);
  return deviation > 0 ? sum / samples / deviation : 0.0;
}

// Whether planes of U and V were read as interleaved pairs. Then both channels look alike, because
// neighbours in a plane do.
bool is_in_planes(const Trial& given, const Trial& planes) {
  if (given.count < 3 || planes.count < 3) return false;
  const auto chroma = [](const Trial& reading) {
    return (reading.textures[1].bits() + reading.textures[2].bits()) / 2;
  };
  return chroma(planes) < chroma(given) - kChromaBits && difference(given, 1, 2) < kAlike;
}

bool is_bytes(const Format& format) { return format.bits == 8; }

}  // namespace

std::optional<FormatGuess> guess_format(const Format& given, int width, int height,
                                        const std::uint8_t* data) {
  const std::size_t bytes = given.bytes(width, height);
  const Trial reading = read_as(given, width, height, data, bytes);
  const double bits = reading.bits();
  if (reading.count == 0 || bits < kLeastBits || is_pattern(reading.textures[0])) return {};

  std::optional<FormatGuess> best;
  double fewest = bits;
  const auto consider = [&](const Format& format, int columns, const Trial& other) {
    if (other.bits() >= fewest || !is_shorter(other.bits(), bits) ||
        !is_plausible(other, format.colors))
      return;
    best = FormatGuess{&format, columns};
    fewest = other.bits();
  };
  for (int i = 0; i < kFormatCount; ++i) {
    const Format& format = kFormats[i];
    // If words are read as bytes or bytes as words, every second byte may be constant, which is no
    // evidence.
    if (&format != &given && is_bytes(given) == is_bytes(format) && format.colors != Colors::grey)
      consider(format, width, read_as(format, width, height, data, bytes));
  }
  const Format* const planes = find_format(given.bits == 8 ? "i420" : "i010");
  if (!best && given.blocks == 2 && given.bits == 8) {
    const Trial other = read_as(*planes, width, height, data, bytes);
    if (is_in_planes(reading, other) && is_plausible(other, Colors::yuv))
      return FormatGuess{planes, width};
  }

  // With another width, only the upper rows of the first channel are at the right place.
  const std::size_t part = static_cast<std::size_t>(given.row_bytes(0, width)) *
                           static_cast<std::size_t>(given.rows(0, height)) / 4;
  const auto rows_of = [&](int columns) {
    const std::ptrdiff_t row = given.row_bytes(0, columns);
    return static_cast<int>(static_cast<std::ptrdiff_t>(part) / row);
  };
  const auto upper = [&](int columns) {
    return read_as(given, columns, std::max(rows_of(columns), 1), data, part);
  };
  const double narrow = upper(width).bits();
  for (const int columns : kWidths) {
    if (columns == width || (given.blocks == 1 && given.shift_x && columns % 2)) continue;
    const Trial other = upper(columns);
    if (!is_shorter(other.bits(), narrow) || other.bits() >= fewest ||
        !is_plausible(other, given.colors))
      continue;
    best = FormatGuess{&given, columns};
    fewest = other.bits();
  }
  return best;
}

}  // namespace rppg
