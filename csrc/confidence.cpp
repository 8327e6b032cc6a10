#include "confidence.hpp"

#include <algorithm>
#include <cmath>

#include "confidence_weights.hpp"

namespace rppg {
namespace {

// What lies further out than this was hardly seen in fitting: the network is not asked to guess.
constexpr double kFarthest = 3.0;  // standard deviations

}  // namespace

double confidence(const Testimony& said) {
  using namespace confidence_weights;
  double input[Testimony::kCount];
  for (int i = 0; i < Testimony::kCount; ++i) {
    if (!std::isfinite(said.items[i])) return 0.0;
    input[i] = std::clamp((said.items[i] - kMean[i]) / kDeviation[i], -kFarthest, kFarthest);
  }
  double logit = kOutputBias;
  for (int h = 0; h < kHidden; ++h) {
    double sum = kHiddenBias[h];
    for (int i = 0; i < Testimony::kCount; ++i) sum += kHiddenWeights[h][i] * input[i];
    logit += kOutputWeights[h] * std::tanh(sum);
  }
  return 1.0 / (1.0 + std::exp(-logit));
}

}  // namespace rppg
