#include "face/forward.hpp"

#include <algorithm>

namespace rppg {
namespace {

constexpr int kLargestWindow = 3;

std::size_t blocks_of(std::size_t floats) { return (floats + kBlock - 1) / kBlock; }

}  // namespace

FaceForward::FaceForward(const FaceNetwork& network, const Kernels& kernels)
    : network_(network), kernels_(kernels), maps_(network.layers.size() + 1) {}

std::size_t FaceForward::Map::blocks() const {
  return blocks_of(static_cast<std::size_t>(width) * static_cast<std::size_t>(stride));
}

void FaceForward::begin(const IntegralImage& image, const Box& crop, int height, int width) {
  resize_.begin(image, crop, height, width);
  std::size_t offset = 0;
  int stride = kColours;
  for (std::size_t i = 0; i < maps_.size(); ++i) {
    const bool last = i + 1 == maps_.size();
    maps_[i] = {height, width, stride, last ? 1 : network_.layers[i].size, 0, offset};
    offset += maps_[i].blocks() * static_cast<std::size_t>(maps_[i].depth);
    if (last) break;
    height = network_.layers[i].output_length(height);
    width = network_.layers[i].output_length(width);
    stride = network_.layers[i].out;
  }
  if (rows_.size() < offset) rows_.resize(offset);
}

float* FaceForward::place(const Map& map, int y) {
  return rows_[map.offset + map.blocks() * static_cast<std::size_t>(y % map.depth)].values;
}

const float* FaceForward::row(std::size_t index, int y) {
  Map& map = maps_[index];
  while (map.done <= y) make(index, map.done++);
  return place(map, y);
}

void FaceForward::make(std::size_t index, int y) {
  float* const out = place(maps_[index], y);
  if (index == 0) return resize_.row(y, out);
  const FaceLayer& layer = network_.layers[index - 1];
  const Map& before = maps_[index - 1];
  const int first = y * layer.stride, count = std::min(layer.size, before.height - first);
  const float* rows[kLargestWindow];
  for (int i = 0; i < count; ++i) rows[i] = row(index - 1, first + i);
  const int width = maps_[index].width;
  if (layer.pools)
    kernels_.pool(rows, count, layer.size, before.width, layer.out, width, out);
  else
    kernels_.convolve(layer.convolution(), rows, width, out);
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
