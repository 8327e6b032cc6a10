// Frames in, readings out: finds one face or several, follows them, and measures each.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "face/detector.hpp"
#include "face/tracker.hpp"
#include "monitor/face_stream.hpp"
#include "reading/patience.hpp"
#include "signal/clock.hpp"

namespace rppg {

// Side of the measured box over the side of the face: by measurement on real video, see
// training/RESULTS.md; and the paper's value.
inline constexpr double kBoxScale = 1.4, kPaperBoxScale = 1.6;

// So many steps from frame to frame that are longer than the longest gap are not an accident.
inline constexpr int kSuspiciousSteps = 10;

// Which faces a monitor measures, and in which boxes.
struct MonitorOptions {
  // Side of the measured box over the side of the face.
  double box_scale = kBoxScale;
  // Whether the box moves with the face. If not, the first box is measured to the end, as in the
  // paper.
  bool follow = true;
  // Whether each of several faces has a window of its own. If not, there is one window: that of the
  // largest face, until it leaves, or until it makes room for another because it shows no pulse.
  bool several = false;
  // The largest number of faces that are measured at once, where there are several.
  int most = 1;
};

// A face with its window.
struct MonitoredFace {
  std::int64_t id = 0;  // 1 for the first face that was found; 0 before, and for a fixed box
  Box box{};            // the pixels that are measured
  int turned = 0;       // how far the face is turned clockwise from upright, degrees
  Reading reading{};    // of the newest frame
  std::unique_ptr<FaceStream> stream;
  double seen = -std::numeric_limits<double>::infinity();  // when it was last there, s
  std::uint64_t first_sample = 0;  // index of the first sample of the stream

  // Number of samples of the face's pulse so far; the index of the next one.
  std::uint64_t samples() const { return first_sample + stream->samples(); }
  // How many of the newest samples in the window have the index `since` or a later one. Throws
  // std::invalid_argument if `since` is larger than `samples()`.
  std::size_t samples_since(std::uint64_t since) const;
};

// Belongs to one thread at a time; separate monitors are independent.
class Monitor {
 public:
  using MakeStream = std::function<std::unique_ptr<FaceStream>()>;

  // Measures the faces that `detector` finds. `make_stream` makes the stream of a face; `pulse` are
  // its options. Throws what `make_stream` throws.
  Monitor(const PulseOptions& pulse, MakeStream make_stream, std::shared_ptr<Detector> detector,
          const MonitorOptions& options);
  // Measures a fixed box.
  Monitor(const PulseOptions& pulse, const MakeStream& make_stream, const Box& box);

  // Takes the frame seen at `time` (s) and reads the windows that end there: afterwards `faces` are
  // the faces that are there. A face may be turned by quarter turns. The window of a face that was
  // away goes on if it is back within the longest gap. At most one task of the tracker is carried
  // out on a frame. In a frame of another size all faces are searched for again.
  //
  // Throws TimeError for a time that Clock refuses, and std::invalid_argument, with nothing
  // changed, if a box that does not move was in a frame of another size. What the detector throws
  // passes through; the frame has been measured then, and the next frame repeats the task.
  void push(const FrameView& frame, double time);

  // The faces that are there, by number.
  const std::vector<MonitoredFace>& faces() const { return faces_; }
  // The one face, or the window that waits for it: where there are not several.
  const MonitoredFace& only() const { return faces_.empty() ? away_.front() : faces_.front(); }
  // The face with this number that is there, or that was a moment ago; null if there is none.
  const MonitoredFace* find(std::int64_t id) const;
  // The reading of the one face for the newest frame; no_face if it is not there.
  Reading reading() const;

  // Measures the one face in another box from the next frame on, as FaceStream::rebox does.
  void rebox(const FrameView& frame, const Box& box, int turned);

  // Time of the newest frame, s; minus infinity before the first one.
  double time() const { return time_; }
  // The time of the last step where this frame's step is the tenth that is longer than the longest
  // gap, s: the times may be in milliseconds.
  std::optional<double> suspicious_step() const { return suspicious_step_; }

  bool several() const { return options_.several; }
  // The longest gap that a window bridges, s.
  double max_gap() const { return max_gap_; }

  // Forgets all frames. The indices of samples continue.
  void reset();

 private:
  // Frames of which one box means the same place.
  struct Shape {
    int width, height;
    bool grey;
    bool operator==(const Shape& o) const {
      return width == o.width && height == o.height && grey == o.grey;
    }
  };

  bool follows() const { return tracker_ && options_.follow; }
  void check_shape(const Shape& shape) const;
  void measure_one(const FrameView& frame, double time, bool reshaped);
  void measure_several(const FrameView& frame, double time, bool reshaped);
  void measure(MonitoredFace& face, const FrameView& frame, double time);
  void track(const FrameView& frame, double time);
  void enter(const Track& track, const FrameView& frame, double time, bool measured);
  MonitoredFace take_window(std::int64_t id, double time);
  MonitoredFace new_face(std::int64_t id);
  void leave(std::size_t index, double time);
  void count_steps(double time);

  MonitorOptions options_;
  double max_gap_;
  MakeStream make_stream_;
  std::shared_ptr<Detector> detector_;
  std::unique_ptr<FaceTracker> tracker_;  // none for a fixed box
  std::optional<Box> fixed_box_;
  Clock clock_;        // of several faces; of one face, for the frames without it
  Patience patience_;  // with the one face
  std::vector<MonitoredFace> faces_, away_;
  std::uint64_t first_sample_ = 0;  // larger than the index of every sample so far
  double time_ = -std::numeric_limits<double>::infinity();
  std::optional<Shape> shape_;
  int long_steps_ = 0;
  std::optional<double> suspicious_step_;
};

}  // namespace rppg
