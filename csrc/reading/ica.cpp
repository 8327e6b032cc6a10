#include "reading/ica.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace rppg {
namespace {

using Vector3 = std::array<double, kChannels>;

// Relative change of color below which there are rounding errors only.
constexpr double kStill = 1e-9;
constexpr double kLeastShare =
    1e-12;                         // of the largest variance; smaller variances are raised to it
constexpr int kMostSteps = 200;    // of FastICA
constexpr double kSettled = 1e-9;  // change of a direction's cosine at which FastICA ends
constexpr int kMostSweeps = 30;    // of Jacobi's rotations; about six are sufficient

constexpr Matrix3 kIdentity = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

double dot(const Vector3& a, const Vector3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Matrix3 product(const Matrix3& a, const Matrix3& b) {
  Matrix3 out{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < 3; ++k) out[i][j] += a[i][k] * b[k][j];
  return out;
}

// One-sided Jacobi method (Hestenes, 1958). Rotates the rows of `matrix` until they are orthogonal,
// and returns the rotation. For a symmetric matrix, the rows of the rotation are the eigenvectors,
// and the lengths of the resulting rows of `matrix` are the magnitudes of the eigenvalues.
Matrix3 make_rows_orthogonal(Matrix3& matrix) {
  constexpr double kOrthogonal = std::numeric_limits<double>::epsilon();
  Matrix3 rotation = kIdentity;
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    bool turned = false;
    for (std::size_t p = 0; p < 2; ++p)
      for (std::size_t q = p + 1; q < 3; ++q) {
        const double pp = dot(matrix[p], matrix[p]), qq = dot(matrix[q], matrix[q]),
                     pq = dot(matrix[p], matrix[q]);
        if (!(std::abs(pq) > kOrthogonal * std::sqrt(pp) * std::sqrt(qq))) continue;
        turned = true;
        const double cotangent = (qq - pp) / (2.0 * pq);  // of twice the angle
        const double tangent = std::copysign(1.0, cotangent) /
                               (std::abs(cotangent) + std::sqrt(1.0 + cotangent * cotangent));
        const double cosine = 1.0 / std::sqrt(1.0 + tangent * tangent), sine = tangent * cosine;
        for (Matrix3* each : {&matrix, &rotation})
          for (std::size_t k = 0; k < 3; ++k) {
            double &a = (*each)[p][k], &b = (*each)[q][k];
            const double before = a;
            a = cosine * before - sine * b;
            b = sine * before + cosine * b;
          }
      }
    if (!turned) break;
  }
  return rotation;
}

// Computes the orthogonal matrix nearest to `matrix`; returns false if it is not unique.
bool nearest_rotation(Matrix3 matrix, Matrix3& nearest) {
  // The rows of rotation * matrix are orthogonal. Scaled to length one, they form the nearest
  // orthogonal matrix to that product; the inverse rotation makes it the nearest to `matrix`.
  const Matrix3 rotation = make_rows_orthogonal(matrix);
  for (Vector3& row : matrix) {
    const double length = std::sqrt(dot(row, row));
    if (!(length > 0)) return false;
    for (double& value : row) value /= length;
  }
  nearest = Matrix3{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < 3; ++k) nearest[i][j] += rotation[k][i] * matrix[k][j];
  return true;
}

// Fourth moments of three signals: the means of products of two pairs. The pairs of signals are in
// the order of kFirst and kSecond.
struct FourthMoments {
  static constexpr std::size_t kPairs = 6;
  static constexpr std::size_t kFirst[kPairs] = {0, 1, 2, 0, 0, 1};
  static constexpr std::size_t kSecond[kPairs] = {0, 1, 2, 1, 2, 2};
  double means[kPairs][kPairs] = {};

  void add(const Vector3& signals) {
    double pairs[kPairs];
    for (std::size_t a = 0; a < kPairs; ++a) pairs[a] = signals[kFirst[a]] * signals[kSecond[a]];
    for (std::size_t a = 0; a < kPairs; ++a)
      for (std::size_t b = 0; b < kPairs; ++b) means[a][b] += pairs[a] * pairs[b];
  }

  // The mean of the signals times the cube of their sum weighted by `weights`.
  Vector3 cubed(const Vector3& weights) const {
    Vector3 out{};
    for (std::size_t a = 0; a < kPairs; ++a) {
      const std::size_t i = kFirst[a], j = kSecond[a];
      double square = 0;  // mean of signals i and j times the square of that sum
      for (std::size_t b = 0; b < kPairs; ++b) {
        const std::size_t k = kFirst[b], l = kSecond[b];
        square += (k == l ? 1.0 : 2.0) * weights[k] * weights[l] * means[a][b];
      }
      out[i] += square * weights[j];
      if (i != j) out[j] += square * weights[i];
    }
    return out;
  }
};

// Symmetric FastICA with the cubic contrast on white signals (Hyvaerinen, 1999). Returns the
// rotation that makes them independent. Only the fourth moments of the signals are needed.
Matrix3 independent_directions(const FourthMoments& moments) {
  Matrix3 rotation = kIdentity;
  for (int step = 0; step < kMostSteps; ++step) {
    Matrix3 update;
    for (std::size_t i = 0; i < 3; ++i) {
      update[i] = moments.cubed(rotation[i]);
      for (std::size_t j = 0; j < 3; ++j) update[i][j] -= 3.0 * rotation[i][j];
    }
    const Matrix3 before = rotation;
    if (!nearest_rotation(update, rotation)) return before;
    double change = 0;
    for (std::size_t i = 0; i < 3; ++i)
      change = std::max(change, std::abs(std::abs(dot(rotation[i], before[i])) - 1.0));
    if (change < kSettled) break;
  }
  return rotation;
}

}  // namespace

Ica::Ica(const Kernels& kernels, double rate, double low, double high, std::size_t max_samples)
    : max_samples_(max_samples),
      spectrum_(kernels, rate, low, high, max_samples),
      component_(max_samples) {
  for (auto& signal : signals_) signal.resize(max_samples);
}

Matrix3 Ica::unmixing(std::size_t count) {
  Vector3 means;
  for (std::size_t c = 0; c < 3; ++c) means[c] = channel_mean(signals_[c].data(), count);
  Matrix3 covariance{};
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t a = 0; a < 3; ++a)
      for (std::size_t b = 0; b < 3; ++b)
        covariance[a][b] += (signals_[a][i] - means[a]) * (signals_[b][i] - means[b]);
  for (Vector3& row : covariance)
    for (double& value : row) value /= static_cast<double>(count - 1);

  Matrix3 whitening = make_rows_orthogonal(covariance);
  Vector3 variances;
  for (std::size_t k = 0; k < 3; ++k) variances[k] = std::sqrt(dot(covariance[k], covariance[k]));
  const double largest = *std::max_element(variances.begin(), variances.end());
  if (!(largest > kStill * kStill)) return kIdentity;  // only rounding errors are left
  for (std::size_t k = 0; k < 3; ++k)
    for (double& value : whitening[k])
      value /= std::sqrt(std::max(variances[k], kLeastShare * largest));

  FourthMoments moments;
  for (std::size_t i = 0; i < count; ++i) {
    const Vector3 centred = {signals_[0][i] - means[0], signals_[1][i] - means[1],
                             signals_[2][i] - means[2]};
    moments.add(
        {dot(whitening[0], centred), dot(whitening[1], centred), dot(whitening[2], centred)});
  }
  for (auto& row : moments.means)
    for (double& mean : row) mean /= static_cast<double>(count);
  return product(independent_directions(moments), whitening);
}

void Ica::pulse(const double* const color[kChannels], const double* const filtered[kChannels],
                std::size_t count, double* out) {
  if (count < 2 || count > max_samples_)
    throw std::invalid_argument("a window takes from 2 to " + std::to_string(max_samples_) +
                                " samples, not " + std::to_string(count));
  for (std::size_t c = 0; c < 3; ++c) {
    const double scale = relative_scale(channel_mean(color[c], count));
    for (std::size_t i = 0; i < count; ++i) signals_[c][i] = filtered[c][i] * scale;
  }
  double clearest = -1.0;
  for (const Vector3& weights : unmixing(count)) {
    for (std::size_t i = 0; i < count; ++i)
      component_[i] =
          weights[0] * signals_[0][i] + weights[1] * signals_[1][i] + weights[2] * signals_[2][i];
    spectrum_.analyse(component_.data(), count);
    const double share = spectrum_.peak_share();
    if (!(share > clearest)) continue;
    clearest = share;
    std::copy_n(component_.data(), count, out);
  }
  double with_green = 0;
  for (std::size_t i = 0; i < count; ++i) with_green += out[i] * signals_[1][i];
  if (with_green > 0)
    for (std::size_t i = 0; i < count; ++i) out[i] = -out[i];
}

}  // namespace rppg
