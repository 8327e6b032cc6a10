#include "face/weights.hpp"

#include <stdexcept>

#include "network/safetensors.hpp"

namespace rppg {
namespace {

struct Plan {
  const char* name;
  int size, in, out;
  int pool;  // side of the pooling after the layer; 0: none
};

struct NetworkPlan {
  const char* name;
  int side;
  std::vector<Plan> layers, dense;
};

const NetworkPlan kPropose = {"pnet",
                              0,
                              {{"conv1", 3, 3, 10, 2},
                               {"conv2", 3, 10, 16, 0},
                               {"conv3", 3, 16, 32, 0},
                               {"output", 1, 32, 5, 0}},
                              {}};
const NetworkPlan kRefine = {
    "rnet",
    24,
    {{"conv1", 3, 3, 28, 3}, {"conv2", 3, 28, 48, 3}, {"conv3", 2, 48, 64, 0}},
    {{"dense4", 1, 3 * 3 * 64, 128, 0}, {"output", 1, 128, 5, 0}}};
const NetworkPlan kOutput = {"onet",
                             48,
                             {{"conv1", 3, 3, 32, 3},
                              {"conv2", 3, 32, 64, 3},
                              {"conv3", 3, 64, 64, 2},
                              {"conv4", 2, 64, 128, 0}},
                             {{"dense5", 1, 3 * 3 * 128, 256, 0}, {"output", 1, 256, 15, 0}}};

using Extents = std::vector<std::uint64_t>;

// Weight, bias and, except for the output, slope.
std::vector<ExpectedTensor> tensors_of(const char* network, const Plan& plan) {
  const auto extent = [](int value) { return static_cast<std::uint64_t>(value); };
  const std::string name = std::string(network) + "." + plan.name + ".";
  const bool on_maps = std::string(plan.name).find("conv") == 0;
  const Extents weight =
      on_maps ? Extents{extent(plan.size), extent(plan.size), extent(plan.in), extent(plan.out)}
              : Extents{extent(plan.in), extent(plan.out)};
  std::vector<ExpectedTensor> tensors = {{name + "weight", weight},
                                         {name + "bias", {extent(plan.out)}}};
  if (name.find(".output.") == std::string::npos)
    tensors.push_back({name + "slope", {extent(plan.out)}});
  return tensors;
}

// The transform of a filter of three taps to the points 0, 1, -1, 2, -2 and infinity of Winograd's
// F(4, 3).
constexpr double kFilter[kFaceTilePoints][3] = {
    {1.0 / 4, 0, 0},
    {-1.0 / 6, -1.0 / 6, -1.0 / 6},
    {-1.0 / 6, 1.0 / 6, -1.0 / 6},
    {1.0 / 24, 1.0 / 12, 1.0 / 6},
    {1.0 / 24, -1.0 / 12, 1.0 / 6},
    {0, 0, 1},
};

bool is_tiled(const Plan& plan) {
  return plan.size == 3 && plan.out == kFaceTileOut && (plan.in == 32 || plan.in == 64);
}

// Transforms filters, [ky][kx][in][out], to [point][in][out].
void transform_filters(const float* weight, int in, float* to) {
  const int filters = in * kFaceTileOut;
  for (const auto& down : kFilter)
    for (const auto& across : kFilter)
      for (int i = 0; i < filters; ++i) {
        double sum = 0;
        for (int ky = 0; ky < 3; ++ky)
          for (int kx = 0; kx < 3; ++kx)
            sum += down[ky] * across[kx] * weight[(ky * 3 + kx) * filters + i];
        *to++ = static_cast<float>(sum);
      }
}

// Reads a layer; channels are padded with zeros to whole blocks.
FaceLayer read_layer(const Safetensors& file, const char* network, const Plan& plan,
                     int in_stride) {
  const std::vector<ExpectedTensor> tensors = tensors_of(network, plan);
  const std::vector<float> weight = read_floats(file, tensors[0]);
  const std::vector<float> bias = read_floats(file, tensors[1]);
  const std::vector<float> slope =
      tensors.size() > 2 ? read_floats(file, tensors[2]) : std::vector<float>(bias.size(), 1.0f);
  const int blocks = (plan.out + kBlock - 1) / kBlock, terms = plan.size * plan.size * plan.in;
  const bool tiled = is_tiled(plan);
  FaceLayer layer{plan.size, 1, in_stride, blocks * kBlock, false, plan.in, tiled, {}};
  const int products = tiled ? kFaceTilePoints * kFaceTilePoints * plan.in : terms;
  const int values = blocks * (products + 2);  // weights, biases and slopes
  layer.values.resize(static_cast<std::size_t>(values));
  FloatBlock* to = layer.values.data();
  const auto copy_block = [&](const float* from, int block) {
    for (int i = 0; i < kBlock && block * kBlock + i < plan.out; ++i)
      to->values[i] = from[block * kBlock + i];
    ++to;
  };
  if (tiled) {
    transform_filters(weight.data(), plan.in, to->values);
    to += blocks * products;
  } else {
    for (int block = 0; block < blocks; ++block)
      for (int term = 0; term < terms; ++term) copy_block(weight.data() + term * plan.out, block);
  }
  for (const std::vector<float>* each : {&bias, &slope})
    for (int block = 0; block < blocks; ++block) copy_block(each->data(), block);
  return layer;
}

FaceNetwork read_network(const Safetensors& file, const NetworkPlan& plan) {
  FaceNetwork network{plan.side, 0, {}, {}};
  int stride = kColors;
  for (const Plan& each : plan.layers) {
    network.layers.push_back(read_layer(file, plan.name, each, stride));
    network.outputs = each.out;
    stride = network.layers.back().out;
    if (each.pool) network.layers.push_back({each.pool, 2, stride, stride, true, 0, false, {}});
  }
  for (const Plan& each : plan.dense) {
    network.dense.push_back(read_layer(file, plan.name, each, each.in));
    network.outputs = each.out;
  }
  return network;
}

FaceNetworks read_networks(const Safetensors& file) {
  std::vector<ExpectedTensor> expected;
  for (const NetworkPlan* plan : {&kPropose, &kRefine, &kOutput})
    for (const auto* layers : {&plan->layers, &plan->dense})
      for (const Plan& layer : *layers)
        for (ExpectedTensor& tensor : tensors_of(plan->name, layer))
          expected.push_back(std::move(tensor));
  check_tensors(file, expected);
  check_format(file.metadata, "rppg_fast.mtcnn");
  return {read_network(file, kPropose), read_network(file, kRefine), read_network(file, kOutput)};
}

}  // namespace

Convolution FaceLayer::convolution() const {
  const float* const weights = values.data()->values;
  const int taps = tiled ? kFaceTilePoints * kFaceTilePoints : size * size;
  const float* const bias = weights + taps * in * out;
  return {size, in, in_stride, out, weights, bias, bias + out};
}

int FaceLayer::output_length(int length) const {
  return pools ? (length + 3 - size) / 2 : length - size + 1;
}

std::shared_ptr<const FaceNetworks> read_face_networks(const void* data, std::size_t size,
                                                       const std::string& source) {
  try {
    return std::make_shared<const FaceNetworks>(read_networks(parse_safetensors(data, size)));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(source + ": " + error.what());
  }
}

}  // namespace rppg
