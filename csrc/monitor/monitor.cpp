#include "monitor/monitor.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

namespace rppg {
namespace {

template <typename Faces>
auto find_id(Faces& faces, std::int64_t id) {
  return std::find_if(faces.begin(), faces.end(), [id](const auto& face) { return face.id == id; });
}

}  // namespace

std::size_t MonitoredFace::samples_since(std::uint64_t since) const {
  if (since > samples())
    throw std::invalid_argument("index must be at most the number of samples so far, " +
                                std::to_string(samples()) + ", got " + std::to_string(since));
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(samples() - since, stream->pulse().size()));
}

Monitor::Monitor(const PulseOptions& pulse, MakeStream make_stream,
                 std::shared_ptr<Detector> detector, const MonitorOptions& options)
    : options_(options),
      max_gap_(pulse.max_gap),
      make_stream_(std::move(make_stream)),
      detector_(std::move(detector)),
      clock_(pulse.max_gap),
      patience_(pulse.window) {
  tracker_ = std::make_unique<FaceTracker>(options.box_scale, options.several ? options.most : 1,
                                           options.follow, detector_->searches_by_rotation());
  MonitoredFace first = new_face(0);  // checks the options where there are several
  if (!options_.several) away_.push_back(std::move(first));
}

Monitor::Monitor(const PulseOptions& pulse, const MakeStream& make_stream, const Box& box)
    : max_gap_(pulse.max_gap),
      make_stream_(make_stream),
      fixed_box_(box),
      clock_(pulse.max_gap),
      patience_(pulse.window) {
  faces_.push_back(new_face(0));
  faces_.front().box = box;
}

void Monitor::reset() {
  for (MonitoredFace& face : away_) faces_.push_back(std::move(face));
  away_.clear();
  for (MonitoredFace& face : faces_) {
    (*face.stream).reset();
    face.id = 0;
    face.turned = 0;
    face.seen = -std::numeric_limits<double>::infinity();
    if (fixed_box_) face.box = *fixed_box_;
  }
  if (options_.several)
    faces_.clear();
  else if (!fixed_box_)
    away_.swap(faces_);
  clock_.reset();
  patience_.restart();
  if (tracker_) (*tracker_).reset();
  time_ = -std::numeric_limits<double>::infinity();
  shape_.reset();
  long_steps_ = 0;
  suspicious_step_.reset();
}

void Monitor::push(const FrameView& frame, double time) {
  const Shape shape{frame.width, frame.height, frame.colors == Colors::grey};
  check_shape(shape);
  const bool reshaped = shape_ && !(*shape_ == shape);
  if (options_.several)
    measure_several(frame, time, reshaped);
  else
    measure_one(frame, time, reshaped);
  count_steps(time);
  time_ = time;
  shape_ = shape;
  track(frame, time);
  for (MonitoredFace& face : faces_) face.seen = time;
  if (follows() && !options_.several && !faces_.empty() &&
      patience_.is_over(time, faces_.front().reading))
    tracker_->pass_over(faces_.front().id);
}

void Monitor::check_shape(const Shape& shape) const {
  if (!shape_) return;
  const Shape before = *shape_;
  if (before == shape || faces_.empty() || follows()) return;
  const auto text = [](const Shape& one) {
    return "(" + std::to_string(one.height) + ", " + std::to_string(one.width) + ")";
  };
  throw std::invalid_argument(
      "frame has the shape " + text(shape) + (shape.grey ? " and is grey" : "") +
      ", those before had " + text(before) + (before.grey ? " and were grey" : "") +
      ": the box is not at the same place in it; call reset() to start again");
}

// The stream of the face has a clock of its own, which knows a clock that was set back.
void Monitor::measure_one(const FrameView& frame, double time, bool reshaped) {
  if (reshaped && !faces_.empty()) leave(0, time);
  if (faces_.empty()) {
    if (clock_.push(time) == Clock::Step::gap) tracker_->restart(time);
    return;
  }
  measure(faces_.front(), frame, time);
  if (tracker_ && time <= time_) tracker_->restart(time);
}

// One clock decides for all faces. Where it is set back, all windows start again.
void Monitor::measure_several(const FrameView& frame, double time, bool reshaped) {
  if (clock_.push(time) == Clock::Step::gap && time <= time_) {
    tracker_->restart(time);
    away_.clear();
    for (MonitoredFace& face : faces_) (*face.stream).reset();
  }
  if (reshaped) {
    faces_.clear();
    away_.clear();
  }
  for (MonitoredFace& face : faces_) measure(face, frame, time);
}

void Monitor::measure(MonitoredFace& face, const FrameView& frame, double time) {
  face.reading = face.stream->push(frame, face.box, time, face.turned);
  first_sample_ = std::max(first_sample_, face.samples());
}

// Lets the tracker look at the frame, and brings faces and streams in line with it.
void Monitor::track(const FrameView& frame, double time) {
  if (!tracker_ || (!faces_.empty() && time < tracker_->due())) return;
  const bool measured = !faces_.empty();
  tracker_->update(*detector_, frame, time);
  const std::vector<Track>& tracks = tracker_->tracks();
  for (std::size_t i = faces_.size(); i-- > 0;)
    if (find_id(tracks, faces_[i].id) == tracks.end()) leave(i, time);
  for (const Track& track : tracks) {
    const auto face = find_id(faces_, track.id);
    if (face == faces_.end()) {
      enter(track, frame, time, measured);
    } else if (!(track.box == face->box) || track.face.turned != face->turned) {
      face->stream->rebox(frame, track.box, track.face.turned);
      face->box = track.box;
      face->turned = track.face.turned;
    }
  }
  std::sort(faces_.begin(), faces_.end(),
            [](const MonitoredFace& a, const MonitoredFace& b) { return a.id < b.id; });
}

// A face is there that was not there in the last frame. If the one window has already measured this
// frame, for another face, its reading stays, and the new window begins with the next frame.
void Monitor::enter(const Track& track, const FrameView& frame, double time, bool measured) {
  MonitoredFace face = take_window(track.id, time);
  face.id = track.id;
  face.box = track.box;
  face.turned = track.face.turned;
  faces_.push_back(std::move(face));
  if (options_.several || !measured) measure(faces_.back(), frame, time);
}

// The window that waits for a face, if it is back within the longest gap, or a new one.
MonitoredFace Monitor::take_window(std::int64_t id, double time) {
  const auto is_waiting = [this, time](const MonitoredFace& face) {
    return time - face.seen <= max_gap_;
  };
  if (!options_.several) {
    MonitoredFace only = std::move(away_.front());
    away_.clear();
    if (only.id != id || !is_waiting(only)) {
      (*only.stream).reset();
      patience_.restart();
    }
    return only;
  }
  away_.erase(std::remove_if(away_.begin(), away_.end(),
                             [&](const MonitoredFace& face) { return !is_waiting(face); }),
              away_.end());
  const auto known = find_id(away_, id);
  if (known == away_.end()) return new_face(id);
  MonitoredFace face = std::move(*known);
  away_.erase(known);
  return face;
}

MonitoredFace Monitor::new_face(std::int64_t id) {
  MonitoredFace face;
  face.id = id;
  face.stream = make_stream_();
  face.first_sample = first_sample_;
  return face;
}

// The face is gone. Its window waits for it.
void Monitor::leave(std::size_t index, double time) {
  if (options_.several) {
    faces_[index].seen = time;
  } else {
    clock_.reset();
    clock_.push(time_);
  }
  away_.push_back(std::move(faces_[index]));
  faces_.erase(faces_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Monitor::count_steps(double time) {
  const double step = time - time_;
  suspicious_step_.reset();
  if (std::isfinite(step) && step > max_gap_ && ++long_steps_ == kSuspiciousSteps)
    suspicious_step_ = step;
}

const MonitoredFace* Monitor::find(std::int64_t id) const {
  for (const auto* const faces : {&faces_, &away_}) {
    const auto face = find_id(*faces, id);
    if (face != faces->end()) return &*face;
  }
  return nullptr;
}

Reading Monitor::reading() const {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (!faces_.empty()) return faces_.front().reading;
  return {Status::no_face, kNone, kNone, kNone, time_, time_, 0.0, kNone, Method::student};
}

void Monitor::rebox(const FrameView& frame, const Box& box, int turned) {
  const bool waits = faces_.empty();
  MonitoredFace& face = waits ? away_.front() : faces_.front();
  face.stream->rebox(frame, box, turned);
  face.box = box;
  face.turned = turned;
  if (waits) faces_.swap(away_);
}

}  // namespace rppg
