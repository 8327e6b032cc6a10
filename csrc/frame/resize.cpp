#include "frame/resize.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "frame/color.hpp"

namespace rppg {
namespace {

constexpr int kPlane = kSide * kSide;

// Interleaved channels are summed together if a pixel has at most this many bytes.
constexpr std::ptrdiff_t kMostBytes = 4;

// `skipped` and `step` have the same meaning as for pixel_span.
ColumnWeights divide(int length, int skipped, int step) {
  PixelSpan covers[kSide];
  ColumnWeights columns;
  columns.whole = length;
  for (int x = 0; x < kSide; ++x) {
    covers[x] = pixel_span(x, length, skipped, step);
    columns.whole = std::min(columns.whole, std::max(0, covers[x].last - covers[x].first - 1));
  }
  for (int x = 0; x < kSide; ++x) {
    const int last = covers[x].last - covers[x].first;
    const auto share = [&](int k) {
      return k < last ? 1.0f : k == last ? covers[x].last_share() : 0.0f;
    };
    columns.pixels[x] = {
        covers[x].first,
        {covers[x].first_share(), share(columns.whole + 1), share(columns.whole + 2)}};
  }
  return columns;
}

// The number of pixels before the box that share the box's first sample.
int skipped(const Sampling& sampling, int first) {
  return (first + sampling.phase) & (sampling.step() - 1);
}

float scale_of(const FrameView& frame, const Box& box, int channel) {
  const int shared = frame.across_of(channel).step() * frame.down_of(channel).step();
  const double area = static_cast<double>(box.width()) * box.height() / kPlane;
  return static_cast<float>(1.0 / (1.0 / shared * area));
}

PixelSpan rows_of(const FrameView& frame, const Box& box, int channel, int y) {
  const Sampling down = frame.down_of(channel);
  return pixel_span(y, box.height(), skipped(down, box.y0), down.step());
}

void transpose(float* means) {
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < y; ++x) std::swap(means[y * kSide + x], means[x * kSide + y]);
}

void mirror(float* means) {
  for (int y = 0; y < kSide; ++y) std::reverse(means + y * kSide, means + (y + 1) * kSide);
}

// Whether pixels are three bytes without a gap.
bool is_packed(const FrameView& frame) {
  const Plane &red = frame.planes[0], &green = frame.planes[1], &blue = frame.planes[2];
  for (const Plane& plane : frame.planes)
    if (plane.pixel != kColors || plane.row != red.row) return false;
  return (green.data == red.data + 1 && blue.data == red.data + 2) ||
         (green.data == blue.data + 1 && red.data == blue.data + 2);
}

}  // namespace

void AreaResize::reserve(std::ptrdiff_t sums) {
  // Room for pixels past the end whose weight is 0, and for a vector of four that reads past a
  // pixel.
  const auto values = static_cast<std::size_t>(sums + 4 * kMostBytes);
  if (sum_.size() < values) sum_.resize(values);
}

const ColumnWeights& AreaResize::columns(const Box& box, const Sampling& across) {
  Divided& divided = divided_[across.shift == 0 ? 0 : 1];
  const int before = skipped(across, box.x0);
  if (divided.width != box.width() || divided.skipped != before || divided.step != across.step())
    divided = {box.width(), before, across.step(), divide(box.width(), before, across.step())};
  return divided.columns;
}

void AreaResize::run(const FrameView& frame, const Box& box, float* appearance) {
  if (frame.colors == Colors::rgb && !frame.words())
    run_rgb(frame, box, appearance);
  else
    run_planes(frame, box, appearance);
}

void AreaResize::run_rgb(const FrameView& frame, const Box& box, float* appearance) {
  const ColumnWeights& across = columns(box, {});
  const std::ptrdiff_t values = static_cast<std::ptrdiff_t>(box.width()) * kColors;
  reserve(values);
  const bool packed = is_packed(frame);
  const bool bgr = packed && frame.planes[2].data < frame.planes[0].data;
  const Plane& lowest = frame.planes[bgr ? 2 : 0];
  const double area = static_cast<double>(box.width()) * box.height() / kPlane;
  const float scale = static_cast<float>(1.0 / (255.0 * area));
  const int first_plane = bgr ? 2 * kPlane : 0;
  for (int y = 0; y < kSide; ++y) {
    const PixelSpan rows = pixel_span(y, box.height());
    const std::uint8_t* first = lowest.at(box.y0 + rows.first, box.x0);
    std::ptrdiff_t stride = lowest.row;
    if (!packed) {
      stride = gather(frame, box, rows.first, rows.last - rows.first + 1);
      first = gathered_.data();
    }
    kernels_.sum_rows(first, stride, rows, static_cast<int>(values), sum_.data());
    float* const out = appearance + y * kSide;
    float* const planes[] = {out + first_plane, out + kPlane, out + 2 * kPlane - first_plane};
    kernels_.average(sum_.data(), across, scale, planes);
  }
}

std::ptrdiff_t AreaResize::gather(const FrameView& frame, const Box& box, int first, int count) {
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(box.width()) * kColors;
  const std::size_t values = static_cast<std::size_t>(stride * count);
  if (gathered_.size() < values) gathered_.resize(values);
  for (int r = 0; r < count; ++r)
    for (int c = 0; c < kColors; ++c) {
      const std::uint8_t* from = frame.planes[c].at(box.y0 + first + r, box.x0);
      std::uint8_t* to = gathered_.data() + r * stride + c;
      for (int x = 0; x < box.width(); ++x, from += frame.planes[c].pixel, to += kColors)
        *to = *from;
    }
  return stride;
}

void AreaResize::average_channel(const Channel& channel, int y) const {
  const float* const sums = sum_.data() + channel.offset;
  const std::ptrdiff_t stride = channel.stride;
  const int whole = channel.columns->whole;
  for (int x = 0; x < kSide; ++x) {
    const auto& [first, shares] = channel.columns->pixels[x];
    const float* const values = sums + first * stride;
    float sum = shares[0] * values[0] + shares[1] * values[(whole + 1) * stride] +
                shares[2] * values[(whole + 2) * stride];
    for (int k = 1; k <= whole; ++k) sum += values[k * stride];
    channel.means[y * kSide + x] = sum * channel.scale;
  }
}

void AreaResize::run_planes(const FrameView& given, const Box& given_box, float* appearance) {
  // A turned view is averaged as it lies in memory; then the means are turned.
  FrameView frame = given;
  Box box = given_box;
  const bool transposed = std::abs(frame.planes[0].pixel) > std::abs(frame.planes[0].row);
  if (transposed) {
    frame = frame.transposed();
    box = {box.y0, box.x0, box.y1, box.x1};
  }
  const bool mirrored = frame.planes[0].pixel < 0;
  if (mirrored) {
    box = {frame.width - box.x1, box.y0, frame.width - box.x0, box.y1};
    frame = frame.mirrored();
  }
  for (int c = 0; c < frame.channels();) {
    int together = frame.words() ? 0 : average_together(frame, box, c, appearance + c * kPlane);
    if (together == 0) {
      average_alone(frame, box, c, appearance + c * kPlane);
      together = 1;
    }
    for (const int end = c + together; c < end; ++c) {
      if (mirrored) mirror(appearance + c * kPlane);
      if (transposed) transpose(appearance + c * kPlane);
    }
  }
  to_rgb(frame, appearance, appearance + kPlane, appearance + 2 * kPlane, kPlane);
}

// Averages the channels that are interleaved with the given one; the kernels sum their bytes once
// for all of them. Returns the number of these channels, or 0 if the channel's samples are too far
// apart.
int AreaResize::average_together(const FrameView& frame, const Box& box, int channel,
                                 float* means) {
  const Plane& head = frame.planes[channel];
  const Sampling down = frame.down_of(channel);
  if (down.step() * kSide > kMostParts || head.pixel < 1 || head.pixel > kMostBytes) return 0;
  // Positions in a row, in bytes from the first sample of `channel`: where the box begins and ends,
  // and where the frame ends.
  struct Bytes {
    std::ptrdiff_t begin, end, last;
  };
  const auto bytes_of = [&](int c) -> Bytes {
    const Plane& plane = frame.planes[c];
    const Sampling across = frame.across_of(c);
    const std::ptrdiff_t from = plane.data - head.data;
    return {from + across.index(box.x0) * plane.pixel,
            from + across.index(box.x1 - 1) * plane.pixel + 1,
            from + (across.count(frame.width) - 1) * plane.pixel + 1};
  };
  Bytes all = bytes_of(channel);
  std::ptrdiff_t lowest = 0, highest = 0, period = head.pixel;
  int end = channel + 1;
  for (; end < frame.channels(); ++end) {
    const Plane& plane = frame.planes[end];
    const auto [low, high] = std::minmax(head.data, plane.data);
    const std::ptrdiff_t widest = std::max(period, plane.pixel);
    if (plane.row != head.row || !(frame.down_of(end) == down) || plane.pixel < 1 ||
        widest > kMostBytes || high - low >= widest)
      break;
    period = widest;
    lowest = std::min(lowest, plane.data - head.data);
    highest = std::max(highest, plane.data - head.data);
    const Bytes more = bytes_of(end);
    all = {std::min(all.begin, more.begin), std::max(all.end, more.end),
           std::max(all.last, more.last)};
  }
  const int count = end - channel;
  if (highest - lowest >= period || (count == 1 && period > 1)) return 0;
  // The range is extended to whole pixels, as far as the frame has them.
  const auto whole = [&](std::ptrdiff_t bytes) { return bytes / period * period; };
  all.begin = lowest + whole(all.begin - lowest);
  all.end = std::min(lowest + whole(all.end - lowest + period - 1), all.last);
  reserve(all.end - all.begin);
  Channel averaged[3];
  for (int i = 0; i < count; ++i)
    averaged[i] = {bytes_of(channel + i).begin - all.begin, frame.planes[channel + i].pixel,
                   &columns(box, frame.across_of(channel + i)), scale_of(frame, box, channel + i),
                   means + i * kPlane};
  for (int y = 0; y < kSide; ++y) {
    const PixelSpan rows = rows_of(frame, box, channel, y);
    const std::uint8_t* const first = head.at(down.index(box.y0) + rows.first, 0) + all.begin;
    kernels_.sum_rows(first, head.row, rows, static_cast<int>(all.end - all.begin), sum_.data());
    for (int i = 0; i < count; ++i) average_channel(averaged[i], y);
  }
  return count;
}

// Averages one channel with samples of any size and stride.
void AreaResize::average_alone(const FrameView& frame, const Box& box, int channel, float* means) {
  const Plane& plane = frame.planes[channel];
  const Sampling across = frame.across_of(channel), down = frame.down_of(channel);
  const int first = across.index(box.x0), count = across.index(box.x1 - 1) - first + 1;
  const Channel averaged{0, 1, &columns(box, across), scale_of(frame, box, channel), means};
  reserve(count);
  if (whole_.size() < static_cast<std::size_t>(count))
    whole_.resize(static_cast<std::size_t>(count));
  for (int y = 0; y < kSide; ++y) {
    const PixelSpan rows = rows_of(frame, box, channel, y);
    const std::uint8_t* const row = plane.at(down.index(box.y0) + rows.first, first);
    if (frame.words())
      sum_samples<std::uint16_t>(row, plane, rows, count, frame.shift);
    else
      sum_samples<std::uint8_t>(row, plane, rows, count, 0);
    average_channel(averaged, y);
  }
}

template <class Sample>
void AreaResize::sum_samples(const std::uint8_t* first, const Plane& plane, const PixelSpan& span,
                             int count, int shift) {
  std::uint32_t* const whole = whole_.data();
  const int rows = span.last - span.first;
  const auto add = [&](std::ptrdiff_t pixel) {
    const auto value = [&](int row, int x) {
      Sample sample;
      std::memcpy(&sample, first + row * plane.row + x * pixel, sizeof sample);
      return static_cast<std::uint32_t>(sample >> shift);
    };
    std::fill_n(whole, count, 0u);
    for (int row = 1; row < rows; ++row)
      for (int x = 0; x < count; ++x) whole[x] += value(row, x);
    const auto first_parts = static_cast<std::uint32_t>(span.first_parts);
    const auto last_parts = rows > 0 ? static_cast<std::uint32_t>(span.last_parts) : 0u;
    const float part = 1.0f / static_cast<float>(span.parts);
    for (int x = 0; x < count; ++x)
      sum_[static_cast<std::size_t>(x)] =
          static_cast<float>(whole[x]) +
          part * static_cast<float>(first_parts * value(0, x) + last_parts * value(rows, x));
  };
  if (plane.pixel == sizeof(Sample))
    add(sizeof(Sample));  // a stride that is known at compile time
  else
    add(plane.pixel);
}

void turn_appearance(float* appearance, int degrees) {
  for (int c = 0; c < kColors; ++c)
    for (int turn = 0; turn < degrees; turn += 90) {
      transpose(appearance + c * kPlane);
      mirror(appearance + c * kPlane);
    }
}

void compute_motion(const Kernels& kernels, MotionKind kind, const float* a, const float* b,
                    std::ptrdiff_t count, float* out) {
  if (kind == MotionKind::normalized)
    kernels.motion(a, b, count, out);
  else
    for (std::ptrdiff_t i = 0; i < count; ++i) out[i] = b[i] - a[i];
}

}  // namespace rppg
