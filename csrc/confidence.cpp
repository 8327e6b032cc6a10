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

double confidence(Method, const Testimony& said) {
  using namespace confidence_weights;
  constexpr int kAtOnce = 4;
  static_assert(kHidden % (kAtOnce * kFloats) == 0, "hidden units fill vectors");
  constexpr int kItems = sizeof kMean / sizeof *kMean;
  float input[kItems];
  for (int i = 0; i < kItems; ++i) {
    if (!std::isfinite(said.items[i])) return 0.0;
    input[i] = static_cast<float>(
        std::clamp((said.items[i] - kMean[i]) / kDeviation[i], -kFarthest, kFarthest));
  }
  double logit = kOutputBias;
  for (int h = 0; h < kHidden; h += kAtOnce * kFloats) {
    Floats sums[kAtOnce];
    for (int k = 0; k < kAtOnce; ++k) sums[k] = load(kHiddenBias + h + k * kFloats);
    for (int i = 0; i < kItems; ++i)
      for (int k = 0; k < kAtOnce; ++k)
        sums[k] += input[i] * load(kHiddenWeights[i] + h + k * kFloats);
    for (int k = 0; k < kAtOnce; ++k) {
      const Floats active = sums[k] > 0.0f ? sums[k] : Floats{};
      logit += static_cast<double>(total(active * load(kOutputWeights + h + k * kFloats)));
    }
  }
  return 1.0 / (1.0 + std::exp(-logit));
}

double recording_confidence(const std::vector<double>& confidences, double coverage, double) {
  double sum = 0;
  for (const double each : confidences) sum += each;
  return coverage * sum / static_cast<double>(confidences.size());
}

}  // namespace rppg
