// Where the faces are, frame after frame: decides when to look and when to search, and which pixels
// to measure. It sees no pixel itself.
//
// A face is measured inside a box that stays where it is, to the bit, as long as the face hardly
// moves: a box that follows every quiver of a detector puts that quiver into the pulse. Some times
// a second the face is looked at again; once it has left the middle of its box, the box glides
// after it until it has caught up. It must not jump after a face that goes on moving: the jumps
// would have a rhythm, which could be taken for a heart's. All that is decided depends on the
// frames and their times alone, never on how fast they come.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "face/boxes.hpp"

namespace rppg {

// Time from one look at a face to the next, s.
inline constexpr double kLookInterval = 0.25;
// A face that was not seen for so long has left, s. Looks included, that is less than a second.
inline constexpr double kLostAfter = 0.55;
// Time from one search of the whole frame to the next, s. It costs far more than a measured frame.
inline constexpr double kSearchInterval = 0.5;
// How far from its box, relative to its size, a face may move before the box sets out after it, and
// how near it must be for the box to stop.
inline constexpr double kDeadZone = 0.25, kCaughtUp = 0.02;
// A face that comes back so soon, near where it was lost, is the same, s.
inline constexpr double kRemembered = 5.0;
// Least probability of a face that is found.
inline constexpr double kSure = 0.9;

// A straight way from one face to another, from one time to another, s.
struct Glide {
  Face start, goal;
  double begin, end;
  Face at(double time) const;
};

// A face that is followed.
struct Track {
  std::int64_t name;  // 1 for the first one found; no other face ever gets it
  Box box;            // the pixels to measure
  Face aim;           // the face that the box is for
  Face face;          // where the face was when it was last seen,
  double seen;        // and when that was, s
  double due;         // when it is to be looked at again, s
  std::optional<Glide> glide;
};

// At most one look or one search is spent on a frame.
class FaceTracker {
 public:
  enum class Task { nothing, look, search };

  // How much larger than the face its box is; the most faces to follow at once, the largest ones
  // first; whether a face is looked at again, if not, its first box is kept for ever.
  FaceTracker(double box_scale, int most, bool follow);

  // Forgets all faces.
  void reset();

  // Goes on from a clock that was set, s: looks at every face, and searches, at once.
  void restart(double time);

  // Moves the boxes on to a frame of that size, seen at `time`, s, later than those before, and
  // says what to do with it. In a frame of another size all faces are new. After `look`, tell
  // `looked` where `sought` is in the frame; after `search`, tell `searched` what faces are.
  Task begin(int width, int height, double time);
  const Face& sought() const { return tracks_[sought_].face; }
  void looked(const std::optional<Face>& face);
  void searched(std::vector<Face> faces);

  // The faces that are there.
  const std::vector<Track>& tracks() const { return tracks_; }
  // Before that time, s, there is nothing to do, unless the frame's size changes.
  double due() const { return due_; }
  // Every so many pixels of a frame are enough for a search.
  int search_step() const;

 private:
  void forget();
  void settle();
  double search_due() const;
  std::optional<std::size_t> nearest_track(const Face& face) const;
  std::int64_t name(const Face& face);
  Box box(const Face& face) const { return face_box(face, width_, height_, box_scale_); }
  bool is_inside(const Face& face) const;

  double box_scale_;
  std::size_t most_;
  bool follow_;
  std::vector<Track> tracks_, lost_;
  std::int64_t names_ = 0;
  int width_ = 0, height_ = 0;
  double time_ = 0;
  std::size_t sought_ = 0;
  double next_search_ = -std::numeric_limits<double>::infinity(), due_ = next_search_;
};

}  // namespace rppg
