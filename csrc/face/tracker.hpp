// Where the faces are, frame after frame. The tracker decides when a detector looks at a frame, and
// which pixels are measured.
//
// A face is measured inside a box that stays where it is, to the bit, as long as the face hardly
// moves. If the box followed every small error of the detector, this noise would be in the pulse.
// The face is redetected a few times a second. When it has left the middle of its box, the box
// moves after the face in a straight transition until it has caught up. The box must not jump after
// a face that keeps moving: the jumps would have a rhythm that could be taken for a heart rate.
//
// A face is lost only if a search of the whole frame has not found it either. Only the cascade
// decides how large a face is: the size that O-Net alone gives counts within bounds, and the
// cascade checks it every few seconds. A face without a pulse makes room for another one.
//
// A face may be turned by quarter turns, for example if a phone was held sideways. Between two
// searches for upright faces there is one search for turned faces, each time in another rotation.
// The rotation in which the cascade is surest of a face is the right one. It is found when the face
// is first detected, and again when a redetection is in doubt. The face is then followed in it.
//
// All decisions depend on the frames and their times alone, not on how fast they come.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "face/boxes.hpp"
#include "face/detector.hpp"

namespace rppg {

// Time from one redetection of a face to the next, s.
inline constexpr double kLookInterval = 0.25;
// Time from one check by the cascade to the next, s. A check costs less than a search of the frame
// and several times as much as a redetection. In between kGrown bounds the size of the face.
inline constexpr double kCheckInterval = 2.0;
// Ratio to the size that the cascade saw, up and down, that O-Net alone may give a face. Its sizes
// of a face that keeps its size scatter by less. Beyond this ratio the next redetection is a check.
inline constexpr double kGrown = 1.25;
// A face that only O-Net has found for this long makes room for a sure one elsewhere, s: two checks
// and the searches after them. A face that looks aside stays if there is no other.
inline constexpr double kDoubted = 4.0;
// A face that no redetection and no search has found for this long has left, s: the time until the
// second redetection after the one that failed.
inline constexpr double kLostAfter = 0.55;
// A face is lost at the latest after this time, s: less than a second by one frame at 10 Hz.
inline constexpr double kMissedWithin = 0.9;
// Time from one search of the whole frame to the next, s. It costs far more than a measured frame.
inline constexpr double kSearchInterval = 0.5;
// Distance from its box, relative to its size, that a face may move before the box moves after it,
// and the distance at which the box stops.
inline constexpr double kDeadZone = 0.25, kCaughtUp = 0.02;
// A face that comes back within this time near the place where it was lost is the same one, s.
inline constexpr double kRemembered = 5.0;
// Smallest probability of a face in a rotation other than upright. The cascade takes an upright
// face for one upside down with 0.9 and more in four of ten frames, with 0.99 in one of fifteen.
inline constexpr double kSureTurned = 0.99;
// From the first probability on, the cascade is right about the rotation of a face: no other
// rotation is tried, and a face that is followed is taken to have turned. Below the second one a
// redetection is in doubt about the rotation.
inline constexpr double kCertain = 0.999, kDoubtful = 0.97;
// Time from one comparison of the rotations of a face to the next, s.
inline constexpr double kCompareInterval = 0.5;
// Time from one search for faces of other rotations to the next while a face is followed, s.
inline constexpr double kTurnedInterval = 2.0;

// The straight way of a box from one face to another between two times, s.
struct Transition {
  Face start, goal;
  double begin, end;
  Face at(double time) const;
};

// A comparison of the four rotations in which a face may be: it is looked for once in each.
struct Comparison {
  double least;              // smallest probability that another rotation needs
  int next = 0;              // rotation to try next, relative to that of the track, degrees
  std::optional<Face> best;  // the most probable face so far
};

// A face that is followed, in the rotation in which it was last detected.
struct Track {
  std::int64_t id;          // 1 for the first face; no other face ever gets the same number
  Box box;                  // the pixels to measure
  Face anchor;              // the face that the box belongs to
  Face face;                // the face where it was last detected
  double seen;              // time of that detection, s
  Point velocity;           // between the last two detections, pixels per second
  double next_redetection;  // when the face is to be looked for again, s
  double next_check;        // from when on a redetection is a check, s
  double confirmed;         // when the cascade last found the face, s
  double cascade_side;      // size that the cascade saw then, pixels
  std::int64_t pass_order;  // number of the last time that it was passed over; 0: never
  std::optional<Transition> transition;
  bool missed = false;    // the last redetection did not find the face
  bool searched = false;  // a search since the last detection did not find it either
  bool wanted = false;    // the next search must look for the face
  int yields = 0;         // number of searches that may still replace the face by another
  std::optional<Comparison> comparison = std::nullopt;
  double next_comparison = -std::numeric_limits<double>::infinity();  // earliest time, s
};

// At most one task is carried out on a frame.
class FaceTracker {
 public:
  enum class Task { none, redetect, check, search, compare };

  // `box_scale`: side of a box over the side of its face. `most`: the largest number of faces that
  // are followed at once; the largest faces come first. `follow`: whether a face is redetected; if
  // not, its first box is kept until the face is passed over. `by_rotation`: whether a search of
  // the detector finds only faces of one rotation; if not, no task asks for a rotation.
  FaceTracker(double box_scale, int most, bool follow, bool by_rotation);

  // Forgets all faces.
  void reset();

  // Continues from a clock that was set to `time`, s: checks every face, and searches, at once.
  void restart(double time);

  // Carries out the next task for the frame seen at `time`, s, with `detector`. What the detector
  // throws passes through; the task is then repeated with the next frame.
  void update(Detector& detector, const FrameView& frame, double time);

  // The single steps of `update`. Moves the boxes on to a frame of this size, seen at `time`, s,
  // later than those before, and returns what to do with the frame. In a frame of another size all
  // faces are new. After `redetect` and `check`, give `update_target` what was found of `target`;
  // after `compare` give it to `update_comparison`; after `search`, give `update_detections` the
  // faces of the rotation `search_turned`.
  Task next_task(int width, int height, double time);
  // The face to look for, where it would be now if it moves evenly, or where it was if it has just
  // been missed there.
  Face target() const;
  void update_target(const std::optional<Sight>& sight);
  void update_comparison(const std::optional<Face>& face);
  void update_detections(std::vector<Face> faces);

  // The face with this number has shown no pulse for a whole window. The next search, which is due
  // at once, gives its place to another sure face. Faces that were passed over come after those
  // that were not, the least recent one first. If there is no other face, nothing changes, and no
  // further search follows. Nothing happens if no face has this number.
  void pass_over(std::int64_t id);

  // The faces that are there.
  const std::vector<Track>& tracks() const { return tracks_; }
  // There is nothing to do before this time, s, unless the frame's size changes.
  double due() const { return due_; }
  // A search needs every so many pixels of a frame.
  int search_step() const;
  // Rotation of the faces that a search looks for, degrees clockwise.
  int search_turned() const { return search_turned_; }

 private:
  // A face that was passed over and is not followed now, with its pass_order.
  struct Passed {
    Face face;
    std::int64_t pass_order;
  };

  void clear();
  void update_due();
  double search_due() const;
  double turned_search_due() const;
  int wanted_turned() const;
  static int yields_to(const Track& track);
  int next_turned();
  void start_comparison(Track& track, double least) const;
  bool is_searched(const Track& track) const;
  bool is_sure(const Face& face) const;
  Face expected_face(const Track& track) const;
  void update_track(Track& track, const Face& face, double step);
  Face bounded(Track& track, const Sight& sight) const;
  void match_tracks(const std::vector<Face>& faces);
  std::vector<Face> new_faces(const std::vector<Face>& faces) const;
  Track* next_to_yield();
  Track new_track(const Face& face);
  void drop(const Track& track);
  void lose(std::size_t index);
  bool has_left(const Track& track) const;
  std::optional<std::size_t> nearest_track(const Face& face) const;
  bool is_followed(const Face& face) const;
  std::int64_t id_of(const Face& face);
  std::int64_t pass_order(const Face& face) const;
  Box box(const Face& face) const { return face_box(face, width_, height_, box_scale_); }
  bool is_inside(const Face& face) const;

  double box_scale_;
  std::size_t most_;
  bool follow_, by_rotation_;
  std::vector<Track> tracks_, lost_;
  std::vector<Passed> passed_;
  std::int64_t last_id_ = 0, passes_ = 0;
  int width_ = 0, height_ = 0;
  double time_ = 0;
  Task task_ = Task::none;
  std::size_t target_ = 0;           // index of the track that the task is about
  int usual_turned_ = 0;             // rotation of most searches: that of the last face, degrees
  int search_turned_ = 0;            // rotation of this search, degrees
  std::size_t rotations_tried_ = 0;  // number of searches for other rotations
  double next_search_ = -std::numeric_limits<double>::infinity(), due_ = next_search_;
  double next_turned_search_ = next_search_;
};

}  // namespace rppg
