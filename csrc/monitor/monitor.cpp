#include "monitor/monitor.hpp"

#include <limits>

namespace rppg {

Monitor::Monitor(std::shared_ptr<const Student> student, const PulseOptions& options,
                 std::shared_ptr<const FaceNetworks> networks, const DetectorOptions& detector,
                 double box_scale)
    : stream_(student, options),
      detector_(std::move(networks), detector, student->kernels()),
      tracker_(box_scale, 1, true, true),
      clock_(options.max_gap),
      patience_(options.window) {}

void Monitor::reset() {
  stream_.reset();
  clock_.reset();
  tracker_.reset();
  patience_.restart();
  box_.reset();
  face_ = 0;
}

Reading Monitor::push(const FrameView& frame, double time) {
  if (box_ && (frame.width != width_ || frame.height != height_)) lose();
  Reading reading;
  if (box_) {
    reading = stream_.push(frame, *box_, time, turned_);
    if (time <= time_) tracker_.restart(time);
    if (time >= tracker_.due()) track(frame, time);
  } else {
    if (clock_.push(time) == Clock::Step::gap) tracker_.restart(time);
    track(frame, time);
    if (box_) reading = stream_.push(frame, *box_, time, turned_);
  }
  if (box_) {
    seen_ = time;
    if (patience_.is_over(time, reading)) tracker_.pass_over(face_);
  } else {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    reading = {Status::no_face, kNone, kNone, kNone, time, time, 0.0, kNone, Method::student};
  }
  time_ = time;
  width_ = frame.width;
  height_ = frame.height;
  return reading;
}

// Lets the tracker look at the frame, and brings box and stream in line with it.
void Monitor::track(const FrameView& frame, double time) {
  switch (tracker_.begin(frame.width, frame.height, time)) {
    case FaceTracker::Task::look:
      tracker_.looked(detector_.look_again(frame, tracker_.sought()));
      break;
    case FaceTracker::Task::check:
      tracker_.looked(detector_.check(frame, tracker_.sought()));
      break;
    case FaceTracker::Task::search:
      tracker_.searched(detector_.locate(frame, tracker_.search_step(), tracker_.search_turned()));
      break;
    case FaceTracker::Task::compare:
      tracker_.compared(detector_.compare(frame, tracker_.sought()));
      break;
    case FaceTracker::Task::nothing:
      break;
  }
  if (tracker_.tracks().empty()) {
    if (box_) lose();
    return;
  }
  const Track& found = tracker_.tracks().front();
  if (found.name != face_ || (!box_ && !(time - seen_ <= stream_.pulse().options().max_gap))) {
    // Somebody else, or the same face after too long: nothing is left of the window. Where this
    // frame was measured in the old box, the new window begins with the next one.
    stream_.reset();
    patience_.restart();
  } else if (box_ && !(found.box == *box_ && found.face.turned == turned_)) {
    stream_.rebox(frame, found.box, found.face.turned);
  }
  face_ = found.name;
  box_ = found.box;
  turned_ = found.face.turned;
}

// The face is gone. Its window waits for it.
void Monitor::lose() {
  clock_.reset();
  clock_.push(time_);
  box_.reset();
}

}  // namespace rppg
