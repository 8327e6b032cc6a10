#include "reading/confidence.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/float4.hpp"
#include "reading/confidence_weights.hpp"

namespace rppg {
namespace {

using namespace confidence_weights;

// What lies further out than this was hardly seen in fitting: the network is not asked to guess.
constexpr double kFarthest = 3.0;  // standard deviations

double run(const Network& network, const Testimony& said) {
  constexpr int kAtOnce = 4;
  static_assert(kHidden % (kAtOnce * kFloats) == 0, "hidden units fill vectors");
  static_assert(kItems == Testimony::kCount, "the network was fitted to these items");
  float input[kItems];
  for (int i = 0; i < kItems; ++i) {
    if (!std::isfinite(said.items[i])) return 0.0;
    input[i] = static_cast<float>(std::clamp(
        (said.items[i] - network.mean[i]) / network.deviation[i], -kFarthest, kFarthest));
  }
  double logit = network.output_bias;
  for (int h = 0; h < kHidden; h += kAtOnce * kFloats) {
    Floats sums[kAtOnce];
    for (int k = 0; k < kAtOnce; ++k) sums[k] = load(network.hidden_bias + h + k * kFloats);
    for (int i = 0; i < kItems; ++i)
      for (int k = 0; k < kAtOnce; ++k)
        sums[k] += input[i] * load(network.hidden_weights[i] + h + k * kFloats);
    for (int k = 0; k < kAtOnce; ++k) {
      const Floats active = sums[k] > 0.0f ? sums[k] : Floats{};
      logit += static_cast<double>(total(active * load(network.output_weights + h + k * kFloats)));
    }
  }
  return 1.0 / (1.0 + std::exp(-logit));
}

}  // namespace

double confidence(Method method, const Testimony& said) {
  return run(uses_network(method) ? kNetwork : kColour, said);
}

TrackEvidence track_evidence(const std::vector<double>& confidences, double share, double step) {
  // Beyond these odds a window is as sure as can be, either way.
  constexpr double kLeastOdds = 1e-3;
  // Windows of 10 s that begin so far apart, s, share half of what they show.
  constexpr double kApart = 5.0;
  // More of them prove no more: no recording without a pulse in the fit has more, and a rhythm that
  // is not the heart's lasts, too.
  constexpr double kMostApart = 2.0;
  double sum = 0;
  for (const double each : confidences) {
    const double bounded = std::clamp(each, kLeastOdds, 1 - kLeastOdds);
    sum += std::log(bounded / (1 - bounded));
  }
  const auto count = static_cast<double>(confidences.size());
  TrackEvidence out{};
  out.items[TrackEvidence::mean_log_odds] = sum / count;
  out.items[TrackEvidence::coverage] = share;
  const double apart = (count - 1) * std::min(step, kApart) / kApart;
  out.items[TrackEvidence::length] = std::log1p(std::min(apart, kMostApart));
  return out;
}

double recording_confidence(const TrackEvidence& evidence) {
  double logit = kTrackBias;
  for (int i = 0; i < TrackEvidence::kCount; ++i) logit += kTrackWeights[i] * evidence.items[i];
  return 1.0 / (1.0 + std::exp(-logit));
}

}  // namespace rppg
