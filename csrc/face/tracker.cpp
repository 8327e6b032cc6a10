#include "face/tracker.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace rppg {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
// Pixels of a frame's shorter side that are enough for a search. A larger frame is subsampled.
constexpr int kSearchedSide = 480;

}  // namespace

FaceTracker::FaceTracker(double box_scale, int most, bool follow, bool by_rotation)
    : box_scale_(box_scale),
      most_(static_cast<std::size_t>(std::max(most, 0))),
      follow_(follow),
      by_rotation_(by_rotation) {}

void FaceTracker::reset() {
  last_id_ = 0;
  width_ = height_ = 0;
  clear();
}

void FaceTracker::clear() {
  tracks_.clear();
  lost_.clear();
  passed_.clear();
  usual_turned_ = 0;
  rotations_tried_ = 0;
  next_search_ = next_turned_search_ = due_ = -kForever;
}

void FaceTracker::restart(double time) {
  for (Track& track : tracks_) {
    track.seen = track.confirmed = track.next_check = time;
    track.next_redetection = follow_ ? time : kForever;
    track.missed = track.searched = track.wanted = false;
    track.velocity = {};
    track.transition.reset();
    track.comparison.reset();
    track.next_comparison = time;
  }
  lost_.clear();
  next_search_ = next_turned_search_ = due_ = time;
}

FaceTracker::Task FaceTracker::next_task(int width, int height, double time) {
  if (width != width_ || height != height_) clear();
  width_ = width;
  height_ = height;
  time_ = time;
  for (Track& track : tracks_) {
    if (!track.transition) continue;
    track.anchor = track.transition->at(time);
    track.box = box(track.anchor);
  }
  const auto first = std::min_element(
      tracks_.begin(), tracks_.end(),
      [](const Track& a, const Track& b) { return a.next_redetection < b.next_redetection; });
  const auto in_doubt = std::find_if(tracks_.begin(), tracks_.end(),
                                     [](const Track& track) { return track.comparison; });
  if (first != tracks_.end() && first->next_redetection <= std::min(time, search_due())) {
    target_ = static_cast<std::size_t>(first - tracks_.begin());
    task_ = first->next_check <= time ? Task::check : Task::redetect;
  } else if (search_due() <= time) {
    search_turned_ = wanted_turned();
    task_ = Task::search;
  } else if (in_doubt != tracks_.end()) {
    target_ = static_cast<std::size_t>(in_doubt - tracks_.begin());
    task_ = Task::compare;
  } else if (turned_search_due() <= time) {
    search_turned_ = next_turned();
    task_ = Task::search;
  } else {
    task_ = Task::none;
    update_due();
  }
  return task_;
}

void FaceTracker::update(Detector& detector, const FrameView& frame, double time) {
  switch (next_task(frame.width, frame.height, time)) {
    case Task::redetect:
      update_target(detector.redetect(frame, target()));
      break;
    case Task::check:
      update_target(detector.check(frame, target()));
      break;
    case Task::search:
      update_detections(detector.search(frame, search_step(), search_turned()));
      break;
    case Task::compare:
      update_comparison(detector.compare(frame, target()));
      break;
    case Task::none:
      break;
  }
}

void FaceTracker::update_due() {
  if (!tracks_.empty()) usual_turned_ = tracks_.front().face.turned;
  due_ = std::min(search_due(), turned_search_due());
  for (const Track& track : tracks_)
    due_ = std::min(due_, track.transition || track.comparison ? time_ : track.next_redetection);
}

double FaceTracker::search_due() const {
  const bool wanted = tracks_.size() < most_ ||
                      std::any_of(
                          tracks_.begin(), tracks_.end(),
                          [](const Track& track) { return track.wanted || track.yields; });
  return wanted ? next_search_ : kForever;
}

double FaceTracker::turned_search_due() const {
  return by_rotation_ && tracks_.size() < most_ ? next_turned_search_ : kForever;
}

// Rotation, degrees, of the faces that the next search looks for: that of a face that is missed, or
// of a face that could replace one that yields, or else the usual one.
int FaceTracker::wanted_turned() const {
  for (const Track& track : tracks_)
    if (track.wanted) return track.face.turned;
  for (const Track& track : tracks_)
    if (track.yields) return yields_to(track);
  return usual_turned_;
}

// Rotation, degrees, of the faces that may replace a face that yields: first its own, then upright.
int FaceTracker::yields_to(const Track& track) { return track.yields > 1 ? track.face.turned : 0; }

// Next of the rotations other than the usual one, degrees. Upright comes first, upside down last.
int FaceTracker::next_turned() {
  constexpr int kWays[] = {0, 90, 270, 180};
  int others[3], count = 0;
  for (const int turned : kWays)
    if (turned != usual_turned_) others[count++] = turned;
  return others[rotations_tried_++ % 3];
}

// Whether the last search could find a face that is turned as this one is.
bool FaceTracker::is_searched(const Track& track) const {
  return !by_rotation_ || track.face.turned == search_turned_;
}

bool FaceTracker::is_sure(const Face& face) const {
  return face.probability >= (by_rotation_ && face.turned != 0 ? kSureTurned : kSure);
}

int FaceTracker::search_step() const {
  return follow_ ? std::max(1, std::min(width_, height_) / kSearchedSide) : 1;
}

void FaceTracker::update_target(const std::optional<Sight>& sight) {
  Track& track = tracks_[target_];
  // The box moves for as long as the time since the last look, so that its speed is even.
  const double step = std::min(time_ - track.next_redetection, kLookInterval) + kLookInterval;
  const bool checked = track.next_check <= time_;
  track.next_redetection = time_ + kLookInterval;
  if (checked) track.next_check = time_ + kCheckInterval;
  if (sight && is_inside(sight->face) && nearest_track(sight->face) == target_) {
    track.wanted = checked && !sight->by_cascade;
    if (sight->face.probability < kDoubtful) start_comparison(track, kCertain);
    update_track(track, bounded(track, *sight), step);
  } else {
    track.missed = track.wanted = true;
    start_comparison(track, kCertain);
    // If a search is due in time, it finds in one frame that the face has left and which other
    // faces are there.
    if (has_left(track) && next_search_ > track.seen + kMissedWithin) lose(target_);
  }
  update_due();
}

// Begins to compare the rotations of a face. Another rotation needs at least the probability
// `least`.
void FaceTracker::start_comparison(Track& track, double least) const {
  if (!by_rotation_ || track.comparison || time_ < track.next_comparison) return;
  track.comparison = Comparison{least, 0, std::nullopt};
  track.next_comparison = time_ + kCompareInterval;
}

void FaceTracker::update_comparison(const std::optional<Face>& face) {
  Track& track = tracks_[target_];
  if (!track.comparison) return;  // the last task was another one
  Comparison& comparison = *track.comparison;
  const bool is_own = comparison.next == 0;
  const bool is_there = face && is_inside(*face) && nearest_track(*face) == target_;
  if (is_there && face->probability >= (is_own ? 0 : comparison.least) &&
      (!comparison.best || face->probability > comparison.best->probability))
    comparison.best = face;
  comparison.next += 90;
  if ((is_own && is_there && face->probability >= kCertain) || comparison.next == 360) {
    const std::optional<Face> best = comparison.best;
    track.comparison.reset();
    if (best && best->turned != track.face.turned) {
      track.cascade_side = best->side();
      track.confirmed = time_;
      update_track(track, *best, kLookInterval);
      track.velocity = {};
      // The cascade placed the old box while it took the face for one of another rotation, so the
      // box is in a wrong place.
      track.transition.reset();
      track.anchor = *best;
      track.box = box(*best);
    }
  }
  update_due();
}

Face FaceTracker::target() const {
  const Track& track = tracks_[target_];
  Face face = track.missed ? track.face : expected_face(track);
  if (task_ == Task::compare && track.comparison)
    face.turned = (face.turned + track.comparison->next) % 360;
  return face;
}

}  // namespace rppg
