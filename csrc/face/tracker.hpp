// Where the faces are, frame after frame: decides when to look and when to search, and which pixels
// to measure. It sees no pixel itself.
//
// A face is measured inside a box that stays where it is, to the bit, as long as the face hardly
// moves: a box that follows every quiver of a detector puts that quiver into the pulse. Some times
// a second the face is looked at again; once it has left the middle of its box, the box glides
// after it until it has caught up. It must not jump after a face that goes on moving: the jumps
// would have a rhythm, which could be taken for a heart's.
//
// A face is lost only when a search of the whole frame has not found it either. The size of a face
// is the cascade's: what O-Net alone says of it counts within bounds, and every few seconds the
// cascade checks. Where a face has shown no pulse, another one gets its turn.
//
// Faces may lie: a phone was held sideways. Between two searches for upright faces there is one for
// faces that are turned, each time in another way. A face is turned as the cascade is surest of it,
// which is found out when it is met, and again when a look is in doubt; it is followed like that.
//
// All that is decided depends on the frames and their times alone, never on how fast they come.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "face/boxes.hpp"

namespace rppg {

// Time from one look at a face to the next, s.
inline constexpr double kLookInterval = 0.25;
// Time from one check by the cascade to the next, s. A check costs less than a search of the frame
// and several times as much as a look; what looks alone do to the size until then kGrown bounds.
inline constexpr double kCheckInterval = 2.0;
// How many times as large or small as the cascade saw it O-Net alone may take a face to be. What it
// says of a face that keeps its size scatters by less, and past it the next look is a check.
inline constexpr double kGrown = 1.25;
// A face that only O-Net has seen for so long gives way to a sure one elsewhere, s: two checks and
// the searches after them. A face turned aside stays where no other is.
inline constexpr double kDoubted = 4.0;
// A face that no look and no search has found for so long has left, s: until a second look after
// the one that failed.
inline constexpr double kLostAfter = 0.55;
// It is lost by then, s: less than a second, by a frame at 10 a second.
inline constexpr double kMissedWithin = 0.9;
// Time from one search of the whole frame to the next, s. It costs far more than a measured frame.
inline constexpr double kSearchInterval = 0.5;
// How far from its box, relative to its size, a face may move before the box sets out after it, and
// how near it must be for the box to stop.
inline constexpr double kDeadZone = 0.25, kCaughtUp = 0.02;
// A face that comes back so soon, near where it was lost, is the same, s.
inline constexpr double kRemembered = 5.0;
// Least probability of a face that is found, and of one that is not upright: the cascade takes an
// upright face for one upside down with 0.9 and more in four frames of ten, with 0.99 in one of
// fifteen.
inline constexpr double kSure = 0.9, kSureTurned = 0.99;
// From this probability on the cascade is right about which way a face is turned: no other way is
// tried, and one that has been followed is taken to have turned. Below the other one a look is in
// doubt whether it has.
inline constexpr double kCertain = 0.999, kDoubtful = 0.97;
// Time from one comparison of the ways in which a face may be turned to the next, s.
inline constexpr double kCompareInterval = 0.5;
// Time from one search for faces turned in another way to the next while a face is followed, s.
inline constexpr double kTurnedInterval = 2.0;

// A straight way from one face to another, from one time to another, s.
struct Glide {
  Face start, goal;
  double begin, end;
  Face at(double time) const;
};

// How a face is turned is being found out: in each of the four ways it is looked for once.
struct Comparison {
  double least;              // how probable it must be in another way
  int next = 0;              // how much further than the face is the next one turned, degrees
  std::optional<Face> best;  // the most probable one so far
};

// A face that is followed, turned as it was when it was last seen.
struct Track {
  std::int64_t name;  // 1 for the first one found; no other face ever gets it
  Box box;            // the pixels to measure
  Face aim;           // the face that the box is for
  Face face;          // where the face was when it was last seen,
  double seen;        // and when that was, s
  Point pace;         // from the sight before to that one, pixels a second
  double due;         // when it is to be looked at again, s
  double check;       // from when on a look is a check, s
  double agreed;      // when the cascade has last found it, s,
  double side;        // and how large, pixels
  std::int64_t turn;  // the order in which faces were last passed over; 0: this one never was
  std::optional<Glide> glide;
  bool missed = false;    // the last look did not find it,
  bool searched = false;  // nor did a search since it was last seen
  bool wanted = false;    // a search is to look for it
  int yields = 0;         // to another face that one of so many searches finds
  std::optional<Comparison> comparison = std::nullopt;
  double compare = -std::numeric_limits<double>::infinity();  // when the next one may begin, s
};

// At most one look, check, comparison or search is spent on a frame.
class FaceTracker {
 public:
  enum class Task { nothing, look, check, search, compare };

  // How much larger than the face its box is; the most faces to follow at once, the largest ones
  // first; whether a face is looked at again, if not, its first box is kept until it is passed
  // over; whether the detector finds faces turned in the way that it is asked for, if not, it sees
  // to that itself and no task asks for one.
  FaceTracker(double box_scale, int most, bool follow, bool all_ways);

  // Forgets all faces.
  void reset();

  // Goes on from a clock that was set, s: checks every face, and searches, at once.
  void restart(double time);

  // Moves the boxes on to a frame of that size, seen at `time`, s, later than those before, and
  // says what to do with it. In a frame of another size all faces are new. After `look` and
  // `check`, tell `looked` where `sought` is in the frame, after `compare` tell `compared`; after
  // `search`, tell `searched` what faces are, turned as `search_turned` says.
  Task begin(int width, int height, double time);
  // Where a face that moves evenly would be now; where it was, if it has just been missed there.
  Face sought() const;
  void looked(const std::optional<Sight>& sight);
  void compared(const std::optional<Face>& face);
  void searched(std::vector<Face> faces);

  // The face with that number has shown no pulse for a whole window: the next search, which is due
  // at once, gives its place to another sure face that is there. A face passed over has its turn
  // again after all those that were not, or earlier. Where there is no other, nothing changes, and
  // no further search follows. Nothing happens where no face has that number.
  void pass_over(std::int64_t name);

  // The faces that are there.
  const std::vector<Track>& tracks() const { return tracks_; }
  // Before that time, s, there is nothing to do, unless the frame's size changes.
  double due() const { return due_; }
  // Every so many pixels of a frame are enough for a search.
  int search_step() const;
  // How faces are turned that a search looks for, degrees clockwise.
  int search_turned() const { return search_turned_; }

 private:
  // A face that was passed over and is not followed now, and in which order, as in Track.
  struct Passed {
    Face face;
    std::int64_t turn;
  };

  void forget();
  void settle();
  double search_due() const;
  double turned_search_due() const;
  int wanted_turned() const;
  int yields_to(const Track& track) const;
  int next_turned();
  void doubt(Track& track, double least);
  bool is_searched(const Track& track) const;
  bool is_sure(const Face& face) const;
  Face expected(const Track& track) const;
  void see(Track& track, const Face& face, double step);
  Face agree(Track& track, const Sight& sight);
  void recognise(const std::vector<Face>& faces);
  std::vector<Face> strangers(const std::vector<Face>& faces) const;
  Track* next_to_yield();
  Track meet(const Face& face);
  void drop(const Track& track);
  void lose(std::size_t index);
  bool has_left(const Track& track) const;
  std::optional<std::size_t> nearest_track(const Face& face) const;
  bool is_followed(const Face& face) const;
  std::int64_t name(const Face& face);
  std::int64_t turn(const Face& face) const;
  Box box(const Face& face) const { return face_box(face, width_, height_, box_scale_); }
  bool is_inside(const Face& face) const;

  double box_scale_;
  std::size_t most_;
  bool follow_, all_ways_;
  std::vector<Track> tracks_, lost_;
  std::vector<Passed> passed_;
  std::int64_t names_ = 0, turns_ = 0;
  int width_ = 0, height_ = 0;
  double time_ = 0;
  Task task_ = Task::nothing;
  std::size_t sought_ = 0;
  int usual_turned_ = 0;   // how faces are turned that most searches look for, as the last one was,
  int search_turned_ = 0;  // and this search,
  std::size_t ways_ = 0;   // and how many there were for faces turned in other ways
  double next_search_ = -std::numeric_limits<double>::infinity(), due_ = next_search_;
  double next_turned_search_ = next_search_;
};

}  // namespace rppg
