#include "face/tracker.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace rppg {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
// Two boxes nearer than this, relative to their size, show one face.
constexpr double kOneFace = 0.5;
// So many places where a face was passed over are remembered; the one of longest ago is forgotten.
constexpr std::size_t kMostPassed = 16;
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
  return {between(start.x0, goal.x0),
          between(start.y0, goal.y0),
          between(start.x1, goal.x1),
          between(start.y1, goal.y1),
          goal.probability,
          {},
          goal.turned};
}

FaceTracker::FaceTracker(double box_scale, int most, bool follow, bool all_ways)
    : box_scale_(box_scale),
      most_(static_cast<std::size_t>(std::max(most, 0))),
      follow_(follow),
      all_ways_(all_ways) {}

void FaceTracker::reset() {
  names_ = 0;
  width_ = height_ = 0;
  forget();
}

void FaceTracker::forget() {
  tracks_.clear();
  lost_.clear();
  passed_.clear();
  usual_turned_ = 0;
  ways_ = 0;
  next_search_ = next_turned_search_ = due_ = -kForever;
}

void FaceTracker::restart(double time) {
  for (Track& track : tracks_) {
    track.seen = track.agreed = track.check = time;
    track.due = follow_ ? time : kForever;
    track.missed = track.searched = track.wanted = false;
    track.pace = {};
    track.glide.reset();
    track.comparison.reset();
    track.compare = time;
  }
  lost_.clear();
  next_search_ = next_turned_search_ = due_ = time;
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
  const auto in_doubt = std::find_if(tracks_.begin(), tracks_.end(),
                                     [](const Track& track) { return track.comparison; });
  if (first != tracks_.end() && first->due <= std::min(time, search_due())) {
    sought_ = static_cast<std::size_t>(first - tracks_.begin());
    task_ = first->check <= time ? Task::check : Task::look;
  } else if (search_due() <= time) {
    search_turned_ = wanted_turned();
    task_ = Task::search;
  } else if (in_doubt != tracks_.end()) {
    sought_ = static_cast<std::size_t>(in_doubt - tracks_.begin());
    task_ = Task::compare;
  } else if (turned_search_due() <= time) {
    search_turned_ = next_turned();
    task_ = Task::search;
  } else {
    task_ = Task::nothing;
    settle();
  }
  return task_;
}

void FaceTracker::settle() {
  if (!tracks_.empty()) usual_turned_ = tracks_.front().face.turned;
  due_ = std::min(search_due(), turned_search_due());
  for (const Track& track : tracks_)
    due_ = std::min(due_, track.glide || track.comparison ? time_ : track.due);
}

double FaceTracker::search_due() const {
  const bool wanted = tracks_.size() < most_ ||
                      std::any_of(
                          tracks_.begin(), tracks_.end(),
                          [](const Track& track) { return track.wanted || track.yields; });
  return wanted ? next_search_ : kForever;
}

double FaceTracker::turned_search_due() const {
  return all_ways_ && tracks_.size() < most_ ? next_turned_search_ : kForever;
}

// How a face is turned that a search is to look for: one that is missed, or another one in the
// place of one that yields, turned as that and then upright.
int FaceTracker::wanted_turned() const {
  for (const Track& track : tracks_)
    if (track.wanted) return track.face.turned;
  for (const Track& track : tracks_)
    if (track.yields) return yields_to(track);
  return usual_turned_;
}

// How the faces are turned that may take the place of one that yields.
int FaceTracker::yields_to(const Track& track) const {
  return track.yields > 1 ? track.face.turned : 0;
}

// The other ways in which faces may be turned, one after the other: upright first, upside down
// last.
int FaceTracker::next_turned() {
  constexpr int kWays[] = {0, 90, 270, 180};
  int others[3], count = 0;
  for (const int turned : kWays)
    if (turned != usual_turned_) others[count++] = turned;
  return others[ways_++ % 3];
}

// Whether the last search would have found a face.
bool FaceTracker::is_searched(const Track& track) const {
  return !all_ways_ || track.face.turned == search_turned_;
}

bool FaceTracker::is_sure(const Face& face) const {
  return face.probability >= (all_ways_ && face.turned != 0 ? kSureTurned : kSure);
}

int FaceTracker::search_step() const {
  return follow_ ? std::max(1, std::min(width_, height_) / kSearchedSide) : 1;
}

void FaceTracker::looked(const std::optional<Sight>& sight) {
  Track& track = tracks_[sought_];
  // As long as it was since the last look, so that the box moves at an even pace.
  const double step = std::min(time_ - track.due, kLookInterval) + kLookInterval;
  const bool checked = track.check <= time_;
  track.due = time_ + kLookInterval;
  if (checked) track.check = time_ + kCheckInterval;
  if (sight && is_inside(sight->face) && nearest_track(sight->face) == sought_) {
    track.wanted = checked && !sight->by_cascade;
    if (sight->face.probability < kDoubtful) doubt(track, kCertain);
    see(track, agree(track, *sight), step);
  } else {
    track.missed = track.wanted = true;
    doubt(track, kCertain);
    // A search that comes in time finds in one frame that it has left and who else is there.
    if (has_left(track) && next_search_ > track.seen + kMissedWithin) lose(sought_);
  }
  settle();
}

// Begins to find out how a face is turned; another way must be as probable as `least`.
void FaceTracker::doubt(Track& track, double least) {
  if (!all_ways_ || track.comparison || time_ < track.compare) return;
  track.comparison = Comparison{least, 0, std::nullopt};
  track.compare = time_ + kCompareInterval;
}

void FaceTracker::compared(const std::optional<Face>& face) {
  Track& track = tracks_[sought_];
  Comparison& comparison = *track.comparison;
  const bool is_own = comparison.next == 0;
  const bool is_there = face && is_inside(*face) && nearest_track(*face) == sought_;
  if (is_there && face->probability >= (is_own ? 0 : comparison.least) &&
      (!comparison.best || face->probability > comparison.best->probability))
    comparison.best = face;
  comparison.next += 90;
  if ((is_own && is_there && face->probability >= kCertain) || comparison.next == 360) {
    const std::optional<Face> best = comparison.best;
    track.comparison.reset();
    if (best && best->turned != track.face.turned) {
      track.side = best->side();
      track.agreed = time_;
      see(track, *best, kLookInterval);
      track.pace = {};
      // The box was for a face that the cascade saw lying, and so in a wrong place.
      track.glide.reset();
      track.aim = *best;
      track.box = box(*best);
    }
  }
  settle();
}

Face FaceTracker::sought() const {
  const Track& track = tracks_[sought_];
  Face face = track.missed ? track.face : expected(track);
  if (task_ == Task::compare) face.turned = (face.turned + track.comparison->next) % 360;
  return face;
}

// Where the face is if it goes on as it moved between the last two sights.
Face FaceTracker::expected(const Track& track) const {
  const double ahead = std::min(time_ - track.seen, kLostAfter);
  return track.face.scaled(1, track.pace.x * ahead, track.pace.y * ahead);
}

void FaceTracker::see(Track& track, const Face& face, double step) {
  const Point before = track.face.centre(), now = face.centre();
  const double between = time_ - track.seen;
  track.pace = {};
  if (between > 0) track.pace = {(now.x - before.x) / between, (now.y - before.y) / between};
  track.seen = time_;
  track.face = face;
  track.aim.turned = face.turned;
  track.missed = track.searched = false;
  if (apart(face, track.aim) > (track.glide ? kCaughtUp : kDeadZone))
    track.glide = Glide{track.aim, face, time_, time_ + step};
  else
    track.glide.reset();
}

// The face that was seen, as large as the cascade lets it be.
Face FaceTracker::agree(Track& track, const Sight& sight) {
  const Face& face = sight.face;
  if (sight.by_cascade) {
    track.side = face.side();
    track.agreed = time_;
    track.check = time_ + kCheckInterval;
    return face;
  }
  const double growth = face.side() / track.side;
  const double allowed = std::min(std::max(growth, 1 / kGrown), kGrown);
  if (growth == allowed) return face;
  track.check = time_;
  const Point centre = face.centre();
  const double scale = allowed / growth;
  return face.scaled(scale, centre.x * (1 - scale), centre.y * (1 - scale));
}

void FaceTracker::searched(std::vector<Face> faces) {
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
  recognise(faces);
  for (const Face& face : strangers(faces)) {
    if (is_followed(face)) continue;
    if (tracks_.size() < most_) {
      tracks_.push_back(meet(face));
    } else if (Track* const old = next_to_yield()) {
      const Track next = meet(face);
      drop(*old);
      *old = next;
    }
  }
  for (Track& track : tracks_) {
    if (is_searched(track)) track.wanted = false;
    if (track.yields && (!all_ways_ || yields_to(track) == search_turned_)) --track.yields;
  }
  settle();
}

// Finds the faces that are followed among those of a search, and loses those that have left.
void FaceTracker::recognise(const std::vector<Face>& faces) {
  for (std::size_t i = tracks_.size(); follow_ && i-- > 0;) {
    Track& track = tracks_[i];
    if (!is_searched(track)) continue;
    const int there = nearest_face(faces, expected(track));
    const int nearest = there >= 0 ? there : nearest_face(faces, track.face);
    if (nearest >= 0) {
      const Face& face = faces[static_cast<std::size_t>(nearest)];
      if (nearest_track(face) == i) {
        track.agreed = time_;
        if (!track.missed) continue;
        track.side = face.side();
        track.due = time_ + kLookInterval;
        see(track, face, kLookInterval);
        continue;
      }
    }
    track.searched = track.missed;
    if (has_left(track)) lose(i);
  }
}

// The faces that are not followed, whose turn it is first, then the largest first.
std::vector<Face> FaceTracker::strangers(const std::vector<Face>& faces) const {
  std::vector<Face> others;
  std::copy_if(faces.begin(), faces.end(), std::back_inserter(others),
               [this](const Face& face) { return is_sure(face) && !is_followed(face); });
  std::stable_sort(others.begin(), others.end(), [this](const Face& a, const Face& b) {
    const std::int64_t first = turn(a), second = turn(b);
    return first != second ? first < second : a.area() > b.area();
  });
  return others;
}

// The face that another one takes the place of: one passed over, of longest ago, or else one that
// only O-Net sees; null where all stay.
Track* FaceTracker::next_to_yield() {
  Track* next = nullptr;
  for (Track& track : tracks_)
    if (track.yields && (!next || track.turn < next->turn)) next = &track;
  for (Track& track : tracks_)
    if (!next && follow_ && time_ - track.agreed > kDoubted) next = &track;
  return next;
}

// Begins to follow a face.
Track FaceTracker::meet(const Face& face) {
  const Box pixels = box(face);
  const std::int64_t passed = turn(face);
  passed_.erase(std::remove_if(passed_.begin(), passed_.end(),
                               [&face](const Passed& other) {
                                 return face_distance(face, other.face) < kOneFace;
                               }),
                passed_.end());
  Track track{name(face),
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
  if (face.probability < kCertain) doubt(track, kSureTurned);
  return track;
}

// Follows a face no longer: it has left. It may be there, but turned.
void FaceTracker::lose(std::size_t index) {
  drop(tracks_[index]);
  tracks_.erase(tracks_.begin() + static_cast<std::ptrdiff_t>(index));
  if (!tracks_.empty()) return;
  ways_ = 0;
  next_turned_search_ = time_;
}

// Remembers a face that is followed no longer.
void FaceTracker::drop(const Track& track) {
  lost_.push_back(track);
  if (track.turn == 0) return;
  passed_.push_back({track.face, track.turn});
  if (passed_.size() > kMostPassed)
    passed_.erase(
        std::min_element(passed_.begin(), passed_.end(),
                         [](const Passed& a, const Passed& b) { return a.turn < b.turn; }));
}

void FaceTracker::pass_over(std::int64_t name) {
  for (Track& track : tracks_) {
    if (track.name != name) continue;
    track.turn = ++turns_;
    track.yields = all_ways_ && track.face.turned != 0 ? 2 : 1;
  }
  settle();
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

std::int64_t FaceTracker::name(const Face& face) {
  for (auto track = lost_.begin(); track != lost_.end(); ++track) {
    if (nearest_face({track->face}, face) < 0) continue;
    const std::int64_t known = track->name;
    lost_.erase(track);
    return known;
  }
  return ++names_;
}

// In which order the face at that place was last passed over; 0: never.
std::int64_t FaceTracker::turn(const Face& face) const {
  std::int64_t last = 0;
  for (const Passed& passed : passed_)
    if (face_distance(face, passed.face) < kOneFace) last = std::max(last, passed.turn);
  return last;
}

bool FaceTracker::is_inside(const Face& face) const {
  const Point centre = face.centre();
  return !(face.side() <= 0 || centre.x < 0 || centre.y < 0 || centre.x >= width_ ||
           centre.y >= height_);
}

}  // namespace rppg
