#include "face/tracker.hpp"

#include <algorithm>
#include <cmath>

namespace rppg {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
// Two boxes nearer than this, relative to their size, show one face.
constexpr double kOneFace = 0.5;
// Pixels of a frame's shorter side that are enough for a search: a larger frame is thinned out.
constexpr int kSearchedSide = 480;

// How far a face, or by growth its edge, is from where it was, relative to its size.
double apart(const Face& face, const Face& aim) {
  const Point a = face.centre(), b = aim.centre();
  const double moved = std::max(std::abs(a.x - b.x), std::abs(a.y - b.y));
  return std::max(moved, std::abs(face.side() - aim.side()) / 2) / face.side();
}

}  // namespace

Face Glide::at(double time) const {
  const double share = std::min(1.0, (time - begin) / (end - begin));
  const auto between = [share](double from, double to) { return from + share * (to - from); };
  return {between(start.x0, goal.x0), between(start.y0, goal.y0), between(start.x1, goal.x1),
          between(start.y1, goal.y1), goal.probability,           {}};
}

FaceTracker::FaceTracker(double box_scale, int most, bool follow)
    : box_scale_(box_scale), most_(static_cast<std::size_t>(std::max(most, 0))), follow_(follow) {}

void FaceTracker::reset() {
  names_ = 0;
  width_ = height_ = 0;
  forget();
}

void FaceTracker::forget() {
  tracks_.clear();
  lost_.clear();
  next_search_ = due_ = -kForever;
}

void FaceTracker::restart(double time) {
  for (Track& track : tracks_) {
    track.seen = time;
    track.due = follow_ ? time : kForever;
    track.glide.reset();
  }
  lost_.clear();
  next_search_ = due_ = time;
}

FaceTracker::Task FaceTracker::begin(int width, int height, double time) {
  if (width != width_ || height != height_) forget();
  width_ = width;
  height_ = height;
  time_ = time;
  for (Track& track : tracks_) {
    if (!track.glide) continue;
    track.aim = track.glide->at(time);
    track.box = box(track.aim);
  }
  const auto first = std::min_element(tracks_.begin(), tracks_.end(),
                                      [](const Track& a, const Track& b) { return a.due < b.due; });
  if (first != tracks_.end() && first->due <= std::min(time, search_due())) {
    sought_ = static_cast<std::size_t>(first - tracks_.begin());
    return Task::look;
  }
  if (search_due() <= time) return Task::search;
  settle();
  return Task::nothing;
}

void FaceTracker::settle() {
  due_ = search_due();
  for (const Track& track : tracks_) due_ = std::min(due_, track.glide ? time_ : track.due);
}

double FaceTracker::search_due() const { return tracks_.size() < most_ ? next_search_ : kForever; }

int FaceTracker::search_step() const {
  return follow_ ? std::max(1, std::min(width_, height_) / kSearchedSide) : 1;
}

void FaceTracker::looked(const std::optional<Face>& face) {
  Track& track = tracks_[sought_];
  // As long as it was since the last look, so that the box moves at an even pace.
  const double step = std::min(time_ - track.due, kLookInterval) + kLookInterval;
  track.due = time_ + kLookInterval;
  if (face && is_inside(*face) && nearest_track(*face) == sought_) {
    track.seen = time_;
    track.face = *face;
    if (apart(*face, track.aim) > (track.glide ? kCaughtUp : kDeadZone))
      track.glide = Glide{track.aim, *face, time_, time_ + step};
    else
      track.glide.reset();
  } else if (time_ - track.seen > kLostAfter) {
    lost_.push_back(track);
    tracks_.erase(tracks_.begin() + static_cast<std::ptrdiff_t>(sought_));
    next_search_ = time_;
  }
  settle();
}

void FaceTracker::searched(std::vector<Face> faces) {
  next_search_ = time_ + kSearchInterval;
  lost_.erase(
      std::remove_if(lost_.begin(), lost_.end(),
                     [this](const Track& track) { return !(time_ - track.seen < kRemembered); }),
      lost_.end());
  std::stable_sort(faces.begin(), faces.end(),
                   [](const Face& a, const Face& b) { return a.area() > b.area(); });
  for (const Face& face : faces) {
    if (tracks_.size() >= most_) break;
    if (!(face.probability >= kSure) || !is_inside(face)) continue;
    const auto nearest = nearest_track(face);
    if (nearest && face_distance(face, tracks_[*nearest].face) < kOneFace) continue;
    const Box pixels = box(face);
    tracks_.push_back({name(face), pixels, face, face, time_,
                       follow_ ? time_ + kLookInterval : kForever, std::nullopt});
  }
  settle();
}

std::optional<std::size_t> FaceTracker::nearest_track(const Face& face) const {
  std::optional<std::size_t> nearest;
  for (std::size_t i = 0; i < tracks_.size(); ++i)
    if (!nearest ||
        face_distance(face, tracks_[i].face) < face_distance(face, tracks_[*nearest].face))
      nearest = i;
  return nearest;
}

std::int64_t FaceTracker::name(const Face& face) {
  for (auto track = lost_.begin(); track != lost_.end(); ++track) {
    if (nearest_face({track->face}, face) < 0) continue;
    const std::int64_t known = track->name;
    lost_.erase(track);
    return known;
  }
  return ++names_;
}

bool FaceTracker::is_inside(const Face& face) const {
  const Point centre = face.centre();
  return !(face.side() <= 0 || centre.x < 0 || centre.y < 0 || centre.x >= width_ ||
           centre.y >= height_);
}

}  // namespace rppg
