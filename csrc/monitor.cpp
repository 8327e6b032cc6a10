#include "monitor.hpp"

#include <limits>

namespace rppg {

Monitor::Monitor(std::shared_ptr<const Student> student, const PulseOptions& options,
                 std::shared_ptr<const FaceNetworks> networks, const DetectorOptions& detector,
                 double box_scale)
    : stream_(student, options),
      detector_(std::move(networks), detector, student->kernels()),
      tracker_(box_scale, 1, true),
      clock_(options.max_gap) {}

void Monitor::reset() {
  stream_.reset();
  clock_.reset();
  tracker_.reset();
  box_.reset();
}

Reading Monitor::push(const FrameView& frame, double time) {
  if (box_ && (frame.width != width_ || frame.height != height_)) lose();
  Reading reading;
  if (box_) {
    reading = stream_.push(frame, *box_, time);
    if (time <= time_) tracker_.restart(time);
    if (time >= tracker_.due()) track(frame, time);
  } else {
    if (clock_.push(time) == Clock::Step::gap) tracker_.restart(time);
    track(frame, time);
    if (box_) reading = stream_.push(frame, *box_, time);
  }
  if (!box_) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    reading = {Status::no_face, kNone, kNone, kNone, time, time};
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
      tracker_.searched(detector_.locate(frame, tracker_.search_step()));
      break;
    case FaceTracker::Task::nothing:
      break;
  }
  if (tracker_.tracks().empty()) {
    if (box_) lose();
    return;
  }
  const Track& track = tracker_.tracks().front();
  if (box_ && track.name != name_) lose();
  const Box box = track.box;
  name_ = track.name;
  if (box_ && !(box == *box_)) stream_.rebox(frame, box);
  box_ = box;
}

void Monitor::lose() {
  stream_.reset();
  clock_.reset();
  clock_.push(time_);
  box_.reset();
}

}  // namespace rppg
