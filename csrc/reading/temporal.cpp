#include "reading/temporal.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernels/float4.hpp"
#include "reading/temporal_weights.hpp"
#include "signal/elementary.hpp"

namespace rppg {
namespace {

using temporal_weights::kFaceChannels;
using temporal_weights::kRegionChannels;
using temporal_weights::kSmooth;
using temporal_weights::kTaps;
using temporal_weights::kUnits;

constexpr int kWhole = 1 + kColors;  // signals of the whole face
constexpr int kPerRegion = 2;        // brightness and color
constexpr int kFaceInputs = kRegionChannels + kWhole + kPerRegion;
constexpr int kSteps[] = {1, 2, 4};  // distances of the taps of the face's convolutions, cells
constexpr int kLayers = static_cast<int>(std::size(kSteps));
constexpr int kReach = kTaps / 2;

constexpr float kSmall = 0.003F;   // a relative change of light that counts as large
constexpr float kFaint = 1e-6F;    // of the student's pulse, against a division by zero
constexpr double kDarkest = 1e-4;  // of a color, against the logarithm of zero

constexpr double kCellRate = 10.0;                 // Hz, which the network learned from
constexpr double kSlowest = 8.5, kFastest = 11.8;  // Hz, which it can read
constexpr double kHighest = 4.2;                   // Hz, that it can see at the slowest
constexpr float kSilent = 1e-5F;                   // range of a pulse of rounding errors only
constexpr double kUnknown = -4.0;                  // log10 of the height where it has no opinion
constexpr int kTemporalPeaks = 2;                  // that are examined
constexpr double kTemporalBins = 60.0;             // per Hz
constexpr int kGroup = 4;                          // signals that are filtered together

// The convolutions in the order of their weights. Of each: for each tap and input the weights of
// all outputs, then the biases.
struct Layer {
  int inputs, outputs, taps;
  constexpr int weights() const { return taps * inputs * outputs; }
  constexpr int count() const { return weights() + outputs; }
};
constexpr Layer kRegionFirst{kPerRegion + kWhole, kRegionChannels, kTaps};
constexpr Layer kRegionSecond{kRegionChannels, kRegionChannels, kTaps};
constexpr Layer kScore{kRegionChannels, 1, 1};
constexpr Layer kFaceFirst{kFaceInputs, kFaceChannels, kTaps};
constexpr Layer kFaceLayer{kFaceChannels, kFaceChannels, kTaps};
constexpr Layer kOutput{kFaceChannels, 1, kTaps};
constexpr Layer kConvolutions[] = {kRegionFirst, kRegionSecond, kScore,     kFaceFirst,
                                   kFaceLayer,   kFaceLayer,    kFaceLayer, kOutput};

// The places of the weights; the last one is of the student's pulse.
constexpr int kRegionFirstAt = 0;
constexpr int kRegionSecondAt = kRegionFirstAt + kRegionFirst.count();
constexpr int kScoreAt = kRegionSecondAt + kRegionSecond.count();
constexpr int kFaceFirstAt = kScoreAt + kScore.count();
constexpr int kFaceLayersAt = kFaceFirstAt + kFaceFirst.count();
constexpr int kOutputAt = kFaceLayersAt + kLayers * kFaceLayer.count();
constexpr int kStudentAt = kOutputAt + kOutput.count();
constexpr int kCount = kStudentAt + 1;

static_assert(std::size(kConvolutions) == 5 + kLayers, "the layers of the face are among them");
static_assert(std::size(kConvolutions) == std::size(kUnits), "each has a unit");
static_assert(kCount ==
                  std::size(temporal_weights::kMultiples) + std::size(temporal_weights::kOthers),
              "the network has these weights");
static_assert(kRegionChannels == TemporalNetwork::kDepth, "as the header says");
static_assert(kRegionChannels % 8 == 0 && kFaceChannels % 8 == 0, "as the kernels need");
static_assert(kPlaces * kPerRegion == kRegionSignals, "each region has two signals");

constexpr int kFarthest = kReach * kSteps[kLayers - 1];  // cells that a convolution reaches

float bounded(float value, float scale) { return value / (scale + std::abs(value)); }

void keep_positive(float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) values[i] = std::max(values[i], 0.0F);
}

// Sets each of `count` rows to the biases.
void start(float* rows, const float* biases, int outputs, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i, rows += outputs) std::copy_n(biases, outputs, rows);
}

// The row of cell `i` of an array with kFarthest rows of zeros before it.
float* at(std::vector<float>& rows, std::size_t i, int width) {
  return rows.data() + (i + kFarthest) * static_cast<std::size_t>(width);
}

std::size_t padded(std::size_t cells, int width) {
  return (cells + 2 * kFarthest) * static_cast<std::size_t>(width);
}

// A layer with all its inputs and its biases, without negative values.
void convolve(const Kernels& kernels, const Layer& layer, int apart, const float* weights,
              const float* in, std::size_t count, float* out) {
  start(out, weights + layer.weights(), layer.outputs, count);
  kernels.convolve_cells(
      {in, layer.inputs, layer.inputs, layer.taps, apart, weights, layer.inputs, layer.outputs},
      static_cast<int>(count), out);
  keep_positive(out, count * static_cast<std::size_t>(layer.outputs));
}

// The weights of this build.
const float* bundled_weights() {
  static const TemporalWeights weights = [] {
    TemporalWeights found;
    found.reserve(kCount);
    const std::int8_t* multiple = temporal_weights::kMultiples;
    const float* other = temporal_weights::kOthers;
    for (std::size_t k = 0; k < std::size(kConvolutions); ++k) {
      for (int i = 0; i < kConvolutions[k].weights(); ++i)
        found.push_back(kUnits[k] * static_cast<float>(*multiple++));
      found.insert(found.end(), other, other + kConvolutions[k].outputs);
      other += kConvolutions[k].outputs;
    }
    found.push_back(*other);
    return found;
  }();
  return weights.data();
}

// Sets the rows behind the last of `count` cells to zero, where an earlier, longer window was.
void end(std::vector<float>& rows, std::size_t count, int width) {
  std::fill_n(at(rows, count, width), kFarthest * width, 0.0F);
}

}  // namespace

TemporalNetwork::TemporalNetwork(const Kernels& kernels,
                                 std::shared_ptr<const TemporalWeights> weights, std::size_t most)
    : kernels_(kernels),
      kept_(std::move(weights)),
      weights_(kept_ ? kept_->data() : bundled_weights()),
      cells_(most * kCellSignals),
      still_(cells_),
      rest_(most),
      whole_(padded(most, kWhole)),
      regions_(padded(most, kPerRegion)),
      shared_(most * kRegionChannels),
      found_(padded(most, kRegionChannels)),
      channels_(most * kPlaces * kRegionChannels),
      face_in_(padded(most, kFaceInputs)),
      face_(padded(most, kFaceChannels)),
      change_(most * kFaceChannels),
      score_(most * kPlaces),
      level_(most) {
  if (kept_ && kept_->size() != kCount)
    throw std::invalid_argument("the temporal network has " + std::to_string(kCount) +
                                " weights, got " + std::to_string(kept_->size()));
}

void TemporalNetwork::compress(std::size_t count) {
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double level = cell(i)[0];
    sum += level;
    squares += level * level;
  }
  const double mean = sum / static_cast<double>(count);
  const double variance = std::max(0.0, squares / static_cast<double>(count) - mean * mean);
  const float scale = static_cast<float>(std::sqrt(variance)) + kFaint;
  for (std::size_t i = 0; i < count; ++i) {
    float* const signals = cell(i);
    level_[i] = signals[0] / scale;
    signals[0] = bounded(level_[i], 1.0F);
    for (int k = 1; k < kCellSignals; ++k) signals[k] = bounded(signals[k], kSmall);
    std::copy_n(signals, kWhole, at(whole_, i, kWhole));
  }
  end(whole_, count, kWhole);
}

// Computes the channels of all regions, and their mean by what each region is worth.
void TemporalNetwork::weigh_regions(std::size_t count) {
  constexpr int kInputs = kPerRegion + kWhole;
  const float* const first = weights_ + kRegionFirstAt;
  const float* const second = weights_ + kRegionSecondAt;
  const float* const score = weights_ + kScoreAt;
  // The part of the first convolution that all regions share.
  const int cells = static_cast<int>(count);
  CellConvolution shared{at(whole_, 0, kWhole), kWhole, kWhole, kTaps, 1, first, kInputs,
                         kRegionChannels};
  shared.weights += kPerRegion * kRegionChannels;
  start(shared_.data(), first + kRegionFirst.weights(), kRegionChannels, count);
  kernels_.convolve_cells(shared, cells, shared_.data());
  const CellConvolution own{at(regions_, 0, kPerRegion),
                            kPerRegion,
                            kPerRegion,
                            kTaps,
                            1,
                            first,
                            kInputs,
                            kRegionChannels};
  float* const found = at(found_, 0, kRegionChannels);
  const std::size_t values = count * kRegionChannels;
  for (int region = 0; region < kPlaces; ++region) {
    for (std::size_t i = 0; i < count; ++i) {
      float* const row = at(regions_, i, kPerRegion);
      row[0] = cell(i)[kWhole + region];
      row[1] = cell(i)[kWhole + kPlaces + region];
    }
    end(regions_, count, kPerRegion);
    std::copy_n(shared_.data(), values, found);
    kernels_.convolve_cells(own, cells, found);
    keep_positive(found, values);
    end(found_, count, kRegionChannels);
    float* const deep = channels(region);
    convolve(kernels_, kRegionSecond, 1, second, found, count, deep);
    for (std::size_t i = 0; i < values; ++i) deep[i] += found[i];
    for (std::size_t i = 0; i < count; ++i) {
      float worth = score[kRegionChannels];
      for (int c = 0; c < kRegionChannels; ++c) worth += score[c] * deep[i * kRegionChannels + c];
      score_[i * kPlaces + static_cast<std::size_t>(region)] = worth;
    }
  }
}

void TemporalNetwork::share_regions(std::size_t count) {
  const auto worth = [&](std::ptrdiff_t i) {
    const auto last = static_cast<std::ptrdiff_t>(count) - 1;
    return score_.data() + std::clamp<std::ptrdiff_t>(i, 0, last) * kPlaces;
  };
  constexpr std::ptrdiff_t kEdge = kSmooth / 2;
  double sums[kPlaces] = {};
  for (std::ptrdiff_t i = -kEdge; i < kEdge; ++i)
    for (int k = 0; k < kPlaces; ++k) sums[k] += static_cast<double>(worth(i)[k]);
  for (std::size_t i = 0; i < count; ++i) {
    const auto middle = static_cast<std::ptrdiff_t>(i);
    for (int k = 0; k < kPlaces; ++k) sums[k] += static_cast<double>(worth(middle + kEdge)[k]);
    const double most = *std::max_element(sums, sums + kPlaces);
    float shares[kPlaces], total = 0;
    for (int k = 0; k < kPlaces; ++k) {
      shares[k] = static_cast<float>(elementary::exp((sums[k] - most) / kSmooth));
      total += shares[k];
    }
    float* const row = at(face_in_, i, kFaceInputs);
    std::fill_n(row, kFaceInputs, 0.0F);
    std::copy_n(at(whole_, i, kWhole), kWhole, row + kRegionChannels);
    const float* const signals = cell(i) + kWhole;
    for (int k = 0; k < kPlaces; ++k) {
      const float share = shares[k] / total;
      const float* const deep = channels(k) + i * kRegionChannels;
      for (int c = 0; c < kRegionChannels; ++c) row[c] += share * deep[c];
      row[kRegionChannels + kWhole] += share * signals[k];
      row[kRegionChannels + kWhole + 1] += share * signals[kPlaces + k];
    }
    for (int k = 0; k < kPlaces; ++k) sums[k] -= static_cast<double>(worth(middle - kEdge)[k]);
  }
  end(face_in_, count, kFaceInputs);
}

void TemporalNetwork::run(std::size_t count, float* pulse) {
  if (rest_count_ != count) {
    cells_.swap(still_);
    respond(count, rest_.data());
    cells_.swap(still_);  // zeros have stayed zeros
    rest_count_ = count;
  }
  respond(count, pulse);
  for (std::size_t i = 0; i < count; ++i) pulse[i] -= rest_[i];
}

void TemporalNetwork::respond(std::size_t count, float* pulse) {
  compress(count);
  weigh_regions(count);
  share_regions(count);
  float* const face = at(face_, 0, kFaceChannels);
  convolve(kernels_, kFaceFirst, 1, weights_ + kFaceFirstAt, at(face_in_, 0, kFaceInputs), count,
           face);
  end(face_, count, kFaceChannels);
  const float* layer = weights_ + kFaceLayersAt;
  for (const int apart : kSteps) {
    convolve(kernels_, kFaceLayer, apart, layer, face, count, change_.data());
    for (std::size_t i = 0; i < count * kFaceChannels; ++i) face[i] += change_[i];
    layer += kFaceLayer.count();
  }
  const float* const output = weights_ + kOutputAt;
  for (std::size_t i = 0; i < count; ++i) {
    const float* const row = at(face_, i, kFaceChannels) - kReach * kFaceChannels;
    Float4 sums = {};
    for (int k = 0; k < kTaps * kFaceChannels; k += kFloat4)
      sums += load(row + k) * load(output + k);
    pulse[i] = total(sums) + output[kTaps * kFaceChannels] + weights_[kStudentAt] * level_[i];
  }
}

TemporalOpinion::TemporalOpinion(const PulseOptions& options, const Kernels& kernels,
                                 std::shared_ptr<const TemporalWeights> weights, std::size_t window)
    : coarse_(static_cast<std::size_t>(std::max(1.0, std::round(options.rate / kCellRate)))),
      rate_(options.rate / static_cast<double>(coarse_)),
      able_(uses_network(options.method) && rate_ >= kSlowest && rate_ <= kFastest &&
            options.high <= kHighest),
      network_(kernels, std::move(weights), able_ ? window / coarse_ : 1),
      in_(BandPass(PulseOptions{}.low, PulseOptions{}.high, able_ ? rate_ : kCellRate, 1),
          able_ ? window / coarse_ : 1),
      out_(BandPass(options.low, options.high, able_ ? rate_ : options.rate, options.order),
           able_ ? window / coarse_ : 1),
      spectrum_(kernels, options, able_ ? rate_ : options.rate, able_ ? window / coarse_ : window,
                options.high, kTemporalBins),
      cells_(able_ ? window / coarse_ * kCellSignals : 0),
      group_(able_ ? window / coarse_ * kGroup : 0),
      found_(able_ ? window / coarse_ : 0),
      missing_(found_.size()) {
  pulse_.reserve(found_.size());
}

void TemporalOpinion::analyse(std::size_t count) {
  for (int first = 0; first < kCellSignals; first += kGroup) {
    const int signals = std::min(kGroup, kCellSignals - first);
    double* to = group_.data();
    for (std::size_t i = 0; i < count; ++i)
      for (int k = 0; k < signals; ++k) {
        const double value = cell(i)[first + k];
        *to++ = first + k >= 1 && first + k <= kColors ? elementary::log(std::max(value, kDarkest))
                                                       : value;
      }
    in_.run(group_.data(), missing_.data(), count, signals);
    const double* from = group_.data();
    for (std::size_t i = 0; i < count; ++i)
      for (int k = 0; k < signals; ++k) network_.cell(i)[first + k] = static_cast<float>(*from++);
  }
  network_.run(count, found_.data());
  const auto [least, most] =
      std::minmax_element(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(count));
  const bool silent = *most - *least < kSilent;
  pulse_.assign(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(count));
  out_.run(pulse_.data(), missing_.data(), count, 1);
  peaks_ = spectrum_.analyse(pulse_.data(), count, silent ? 0 : kTemporalPeaks);
  known_ = true;
}

void TemporalOpinion::forget() {
  known_ = false;
  peaks_ = 0;
}

Peak TemporalOpinion::examine(double frequency) const {
  if (known_) return spectrum_.examine(frequency);
  Peak none{};
  none.frequency = frequency;
  none.snr_db = std::numeric_limits<double>::quiet_NaN();
  none.height = kUnknown;
  return none;
}

}  // namespace rppg
