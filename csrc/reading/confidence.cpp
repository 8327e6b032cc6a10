#include "reading/confidence.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/float4.hpp"
#include "reading/confidence_weights.hpp"
#include "signal/elementary.hpp"

namespace rppg {
namespace {

using namespace confidence_weights;

// Features are clamped to this distance from their mean. Values beyond it were rare in the training
// data, and the network shall not extrapolate.
constexpr double kFarthest = 3.0;  // standard deviations

// The hidden weights of a network.
struct HiddenWeights {
  explicit HiddenWeights(const Network& network) {
    for (int i = 0; i < kItems; ++i)
      for (int h = 0; h < kHidden; ++h)
        rows[i][h] = network.unit * static_cast<float>(network.hidden_weights[i][h]);
  }

  float rows[kItems][kHidden];
};

double run(const Network& network, const HiddenWeights& hidden, const PeakFeatures& features) {
  constexpr int kAtOnce = 4;
  static_assert(kHidden % (kAtOnce * kFloat4) == 0, "hidden units fill vectors");
  static_assert(kItems == PeakFeatures::kCount, "the network was fitted to these items");
  float input[kItems];
  for (int i = 0; i < kItems; ++i) {
    if (!std::isfinite(features.items[i])) return 0.0;
    input[i] = static_cast<float>(std::clamp(
        (features.items[i] - network.mean[i]) / network.deviation[i], -kFarthest, kFarthest));
  }
  double logit = network.output_bias;
  for (int h = 0; h < kHidden; h += kAtOnce * kFloat4) {
    Float4 sums[kAtOnce];
    for (int k = 0; k < kAtOnce; ++k) sums[k] = load(network.hidden_bias + h + k * kFloat4);
    for (int i = 0; i < kItems; ++i)
      for (int k = 0; k < kAtOnce; ++k)
        sums[k] += input[i] * load(hidden.rows[i] + h + k * kFloat4);
    for (int k = 0; k < kAtOnce; ++k) {
      const Float4 active = sums[k] > 0.0f ? sums[k] : Float4{};
      logit += static_cast<double>(total(active * load(network.output_weights + h + k * kFloat4)));
    }
  }
  return 1.0 / (1.0 + elementary::exp(-logit));
}

}  // namespace

double confidence(Method method, const PeakFeatures& features) {
  static const HiddenWeights network(kNetwork), color(kColor);
  return uses_network(method) ? run(kNetwork, network, features) : run(kColor, color, features);
}

TrackEvidence track_evidence(const std::vector<double>& confidences, double share, double step) {
  // Confidences are clamped to [kLeastOdds, 1 - kLeastOdds]: beyond these, a window counts as
  // certain.
  constexpr double kLeastOdds = 1e-3;
  // Windows of 10 s whose beginnings are this far apart, s, share half of their samples.
  constexpr double kApart = 5.0;
  // More windows are no stronger evidence: no recording without a pulse in the training data has
  // more, and a rhythm that is not the heart's can last too.
  constexpr double kMostApart = 2.0;
  double sum = 0;
  for (const double each : confidences) {
    const double bounded = std::clamp(each, kLeastOdds, 1 - kLeastOdds);
    sum += elementary::log(bounded / (1 - bounded));
  }
  const auto count = static_cast<double>(confidences.size());
  TrackEvidence out{};
  out.items[TrackEvidence::mean_log_odds] = sum / count;
  out.items[TrackEvidence::coverage] = share;
  const double apart = (count - 1) * std::min(step, kApart) / kApart;
  out.items[TrackEvidence::length] = elementary::log(1.0 + std::min(apart, kMostApart));
  out.items[TrackEvidence::highest] = *std::max_element(confidences.begin(), confidences.end());
  return out;
}

double recording_confidence(const TrackEvidence& evidence) {
  double logit = kTrackBias;
  for (int i = 0; i < TrackEvidence::kWeighted; ++i) logit += kTrackWeights[i] * evidence.items[i];
  return std::min(1.0 / (1.0 + elementary::exp(-logit)), evidence.items[TrackEvidence::highest]);
}

}  // namespace rppg
