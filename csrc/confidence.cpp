#include "confidence.hpp"

#include <algorithm>
#include <cmath>

#include "confidence_weights.hpp"
#include "kernels/floats.hpp"

namespace rppg {
namespace {

// What lies further out than this was hardly seen in fitting: the network is not asked to guess.
constexpr double kFarthest = 3.0;  // standard deviations

}  // namespace

double confidence(const Testimony& said) {
  using namespace confidence_weights;
  static_assert(kHidden % kFloats == 0, "hidden units fill vectors");
  float input[Testimony::kCount];
  for (int i = 0; i < Testimony::kCount; ++i) {
    if (!std::isfinite(said.items[i])) return 0.0;
    input[i] = static_cast<float>(
        std::clamp((said.items[i] - kMean[i]) / kDeviation[i], -kFarthest, kFarthest));
  }
  double logit = kOutputBias;
  for (int h = 0; h < kHidden; h += kFloats) {
    Floats sums = load(kHiddenBias + h);
    for (int i = 0; i < Testimony::kCount; ++i) sums += input[i] * load(kHiddenWeights[i] + h);
    for (int k = 0; k < kFloats; ++k)
      logit += static_cast<double>(kOutputWeights[h + k] * std::tanh(sums[k]));
  }
  return 1.0 / (1.0 + std::exp(-logit));
}

}  // namespace rppg
