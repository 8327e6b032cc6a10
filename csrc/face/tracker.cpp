#include "face/tracker.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace rppg {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
// Two boxes that are closer than this, relative to their size, show the same face.
constexpr double kOneFace = 0.5;
// Number of places that are remembered where a face was passed over. The oldest one is forgotten.
constexpr std::size_t kMostPassed = 16;
// Pixels of a frame's shorter side that are enough for a search. A larger frame is subsampled.
constexpr int kSearchedSide = 480;

// Distance from a face to the anchor of its box, or the distance that its edge has moved by growth,
// whichever is larger, relative to the size of the face.
double displacement(const Face& face, const Face& anchor) {
  const Point a = face.centre(), b = anchor.centre();
  const double moved = std::max(std::abs(a.x - b.x), std::abs(a.y - b.y));
  return std::max(moved, std::abs(face.side() - anchor.side()) / 2) / face.side();
}

}  // namespace

Face Transition::at(double time) const {
  const double share = std::min(1.0, (time - begin) / (end - begin));
  const auto between = [share](double from, double to) { return from + share * (to - from); };
  return {between(start.x0, goal.x0),
          between(start.y0, goal.y0),
          between(start.x1, goal.x1),
          between(start.y1, goal.y1),
          goal.probability,
          {},
          goal.turned};
}

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

// Where the face is at time_ if it keeps the velocity that it had between the last two detections.
Face FaceTracker::expected_face(const Track& track) const {
  const double ahead = std::min(time_ - track.seen, kLostAfter);
  return track.face.scaled(1, track.velocity.x * ahead, track.velocity.y * ahead);
}

void FaceTracker::update_track(Track& track, const Face& face, double step) {
  const Point before = track.face.centre(), now = face.centre();
  const double between = time_ - track.seen;
  track.velocity = {};
  if (between > 0) track.velocity = {(now.x - before.x) / between, (now.y - before.y) / between};
  track.seen = time_;
  track.face = face;
  track.anchor.turned = face.turned;
  track.missed = track.searched = false;
  if (displacement(face, track.anchor) > (track.transition ? kCaughtUp : kDeadZone))
    track.transition = Transition{track.anchor, face, time_, time_ + step};
  else
    track.transition.reset();
}

// The detected face, whose size is kept within the bounds that the cascade sets.
Face FaceTracker::bounded(Track& track, const Sight& sight) const {
  const Face& face = sight.face;
  if (sight.by_cascade) {
    track.cascade_side = face.side();
    track.confirmed = time_;
    track.next_check = time_ + kCheckInterval;
    return face;
  }
  const double growth = face.side() / track.cascade_side;
  const double allowed = std::min(std::max(growth, 1 / kGrown), kGrown);
  if (growth == allowed) return face;
  track.next_check = time_;
  const Point centre = face.centre();
  const double scale = allowed / growth;
  return face.scaled(scale, centre.x * (1 - scale), centre.y * (1 - scale));
}

void FaceTracker::update_detections(std::vector<Face> faces) {
  if (search_due() <= time_) {
    next_search_ = time_ + kSearchInterval;
    next_turned_search_ = std::max(next_turned_search_, time_ + kSearchInterval / 2);
  } else {
    next_turned_search_ = time_ + (tracks_.empty() ? kSearchInterval : kTurnedInterval);
  }
  lost_.erase(
      std::remove_if(lost_.begin(), lost_.end(),
                     [this](const Track& track) { return !(time_ - track.seen < kRemembered); }),
      lost_.end());
  faces.erase(std::remove_if(faces.begin(), faces.end(),
                             [this](const Face& face) {
                               return !(face.probability >= kSure) || !is_inside(face);
                             }),
              faces.end());
  match_tracks(faces);
  for (const Face& face : new_faces(faces)) {
    if (is_followed(face)) continue;
    if (tracks_.size() < most_) {
      tracks_.push_back(new_track(face));
    } else if (Track* const old = next_to_yield()) {
      const Track next = new_track(face);
      drop(*old);
      *old = next;
    }
  }
  for (Track& track : tracks_) {
    if (is_searched(track)) track.wanted = false;
    if (track.yields && (!by_rotation_ || yields_to(track) == search_turned_)) --track.yields;
  }
  update_due();
}

// Finds the tracked faces among the detections of a search, and drops those that have left.
void FaceTracker::match_tracks(const std::vector<Face>& faces) {
  for (std::size_t i = tracks_.size(); follow_ && i-- > 0;) {
    Track& track = tracks_[i];
    if (!is_searched(track)) continue;
    const int there = nearest_face(faces, expected_face(track));
    const int nearest = there >= 0 ? there : nearest_face(faces, track.face);
    if (nearest >= 0) {
      const Face& face = faces[static_cast<std::size_t>(nearest)];
      if (nearest_track(face) == i) {
        track.confirmed = time_;
        if (!track.missed) continue;
        track.cascade_side = face.side();
        track.next_redetection = time_ + kLookInterval;
        update_track(track, face, kLookInterval);
        continue;
      }
    }
    track.searched = track.missed;
    if (has_left(track)) lose(i);
  }
}

// The detected faces that are not tracked. Those that were passed over least recently come first,
// then the largest ones.
std::vector<Face> FaceTracker::new_faces(const std::vector<Face>& faces) const {
  std::vector<Face> others;
  std::copy_if(faces.begin(), faces.end(), std::back_inserter(others),
               [this](const Face& face) { return is_sure(face) && !is_followed(face); });
  std::stable_sort(others.begin(), others.end(), [this](const Face& a, const Face& b) {
    const std::int64_t first = pass_order(a), second = pass_order(b);
    return first != second ? first < second : a.area() > b.area();
  });
  return others;
}

// The track that a new face replaces: the one passed over least recently, or else one that only
// O-Net has found for too long. Null if all tracks stay.
Track* FaceTracker::next_to_yield() {
  Track* next = nullptr;
  for (Track& track : tracks_)
    if (track.yields && (!next || track.pass_order < next->pass_order)) next = &track;
  for (Track& track : tracks_)
    if (!next && follow_ && time_ - track.confirmed > kDoubted) next = &track;
  return next;
}

// Makes the track of a face that is not tracked yet.
Track FaceTracker::new_track(const Face& face) {
  const Box pixels = box(face);
  const std::int64_t passed = pass_order(face);
  passed_.erase(std::remove_if(passed_.begin(), passed_.end(),
                               [&face](const Passed& other) {
                                 return face_distance(face, other.face) < kOneFace;
                               }),
                passed_.end());
  Track track{id_of(face),
              pixels,
              face,
              face,
              time_,
              {},
              follow_ ? time_ + kLookInterval : kForever,
              time_ + kCheckInterval,
              time_,
              face.side(),
              passed,
              std::nullopt};
  if (face.probability < kCertain) start_comparison(track, kSureTurned);
  return track;
}

// Ends a track, because its face has left. The face may still be there in another rotation, so a
// search for those is due at once.
void FaceTracker::lose(std::size_t index) {
  drop(tracks_[index]);
  tracks_.erase(tracks_.begin() + static_cast<std::ptrdiff_t>(index));
  if (!tracks_.empty()) return;
  rotations_tried_ = 0;
  next_turned_search_ = time_;
}

// Remembers the face of a track that ends.
void FaceTracker::drop(const Track& track) {
  lost_.push_back(track);
  if (track.pass_order == 0) return;
  passed_.push_back({track.face, track.pass_order});
  if (passed_.size() > kMostPassed)
    passed_.erase(std::min_element(
        passed_.begin(), passed_.end(),
        [](const Passed& a, const Passed& b) { return a.pass_order < b.pass_order; }));
}

void FaceTracker::pass_over(std::int64_t id) {
  for (Track& track : tracks_) {
    if (track.id != id) continue;
    track.pass_order = ++passes_;
    track.yields = by_rotation_ && track.face.turned != 0 ? 2 : 1;
  }
  update_due();
}

bool FaceTracker::has_left(const Track& track) const {
  return track.missed && track.searched && time_ - track.seen > kLostAfter;
}

std::optional<std::size_t> FaceTracker::nearest_track(const Face& face) const {
  std::optional<std::size_t> nearest;
  for (std::size_t i = 0; i < tracks_.size(); ++i)
    if (!nearest ||
        face_distance(face, tracks_[i].face) < face_distance(face, tracks_[*nearest].face))
      nearest = i;
  return nearest;
}

bool FaceTracker::is_followed(const Face& face) const {
  const auto nearest = nearest_track(face);
  return nearest && face_distance(face, tracks_[*nearest].face) < kOneFace;
}

std::int64_t FaceTracker::id_of(const Face& face) {
  for (auto track = lost_.begin(); track != lost_.end(); ++track) {
    if (nearest_face({track->face}, face) < 0) continue;
    const std::int64_t known = track->id;
    lost_.erase(track);
    return known;
  }
  return ++last_id_;
}

// Number of the last time that the face at this place was passed over; 0 if it never was.
std::int64_t FaceTracker::pass_order(const Face& face) const {
  std::int64_t last = 0;
  for (const Passed& passed : passed_)
    if (face_distance(face, passed.face) < kOneFace) last = std::max(last, passed.pass_order);
  return last;
}

bool FaceTracker::is_inside(const Face& face) const {
  const Point centre = face.centre();
  return !(face.side() <= 0 || centre.x < 0 || centre.y < 0 || centre.x >= width_ ||
           centre.y >= height_);
}

}  // namespace rppg
