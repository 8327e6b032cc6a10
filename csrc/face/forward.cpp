#include "face/forward.hpp"

#include <algorithm>

namespace rppg {
namespace {

// The most rows of input that a layer takes at a time.
constexpr int kMostRows = kFaceRowsAtOnce + 2;

std::size_t blocks_of(std::size_t floats) { return (floats + kBlock - 1) / kBlock; }

}  // namespace

FaceForward::FaceForward(const FaceNetwork& network, const Kernels& kernels)
    : network_(network), kernels_(kernels), maps_(network.layers.size() + 1) {}

std::size_t FaceForward::Map::blocks() const {
  return blocks_of(static_cast<std::size_t>(width) * static_cast<std::size_t>(stride));
}

void FaceForward::begin(const IntegralImage& image, const Box& crop, int height, int width) {
  resize_.begin(image, crop, height, width);
  std::size_t offset = 0, scratch = 0;
  int stride = kColors, made = 1;
  for (std::size_t i = 0; i < maps_.size(); ++i) {
    const bool last = i + 1 == maps_.size();
    const int read = last ? 1 : network_.layers[i].rows_read();
    maps_[i] = {height, width, stride, read + made - 1, 0, offset};
    offset += maps_[i].blocks() * static_cast<std::size_t>(maps_[i].depth);
    if (last) break;
    const FaceLayer& layer = network_.layers[i];
    height = layer.output_length(height);
    width = layer.output_length(width);
    stride = layer.out;
    made = layer.rows_made();
    if (layer.tiled)
      scratch =
          std::max(scratch, blocks_of(static_cast<std::size_t>(face_tile_floats(layer.in, width))));
  }
  if (rows_.size() < offset) rows_.resize(offset);
  if (tiles_.size() < scratch) tiles_.resize(scratch);
}

float* FaceForward::place(const Map& map, int y) {
  return rows_[map.offset + map.blocks() * static_cast<std::size_t>(y % map.depth)].values;
}

const float* FaceForward::row(std::size_t index, int y) {
  Map& map = maps_[index];
  while (map.done <= y) make(index);
  return place(map, y);
}

// Computes the next row of a map, or the next rows if the layer makes several at a time.
void FaceForward::make(std::size_t index) {
  Map& map = maps_[index];
  const int y = map.done;
  if (index == 0) {
    ++map.done;
    return resize_.row(y, place(map, y));
  }
  const FaceLayer& layer = network_.layers[index - 1];
  const Map& before = maps_[index - 1];
  const int made = std::min(layer.rows_made(), map.height - y);
  map.done += made;
  const int first = y * layer.stride, count = std::min(layer.rows_read(), before.height - first);
  const float* rows[kMostRows];
  for (int i = 0; i < count; ++i) rows[i] = row(index - 1, first + i);
  if (layer.pools) {
    kernels_.pool(rows, count, layer.size, before.width, layer.out, map.width, place(map, y));
  } else if (!layer.tiled) {
    kernels_.convolve(layer.convolution(), rows, map.width, place(map, y));
  } else {
    std::fill(rows + count, rows + kMostRows, rows[count - 1]);
    float* out[kFaceRowsAtOnce];
    for (int i = 0; i < made; ++i) out[i] = place(map, y + i);
    kernels_.convolve_tiles(layer.convolution(), rows, before.width, made, out,
                            tiles_.data()->values);
  }
}

const float* FaceForward::look(const IntegralImage& image, const std::vector<Box>& crops) {
  const auto count = static_cast<int>(crops.size());
  const auto reserve = [&](std::vector<FloatBlock>& blocks, int stride) {
    blocks.resize(
        std::max(blocks.size(), blocks_of(crops.size() * static_cast<std::size_t>(stride))));
    return blocks.data()->values;
  };
  const int features = network_.dense.front().in;
  float* to = reserve(features_[0], std::max(features, kBlock));
  for (const Box& crop : crops) {
    begin(image, crop, network_.side, network_.side);
    for (int y = 0; y < height(); ++y) to = std::copy_n(row(y), width() * stride(), to);
  }
  int from = 0;
  for (const FaceLayer& layer : network_.dense) {
    float* const out = reserve(features_[1 - from], layer.out);
    const float* const in = features_[from].data()->values;
    kernels_.convolve(layer.convolution(), &in, count, out);
    from = 1 - from;
  }
  return features_[from].data()->values;
}

}  // namespace rppg
