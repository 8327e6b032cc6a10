// Functions that the source files of the Python module share.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

#include "face/detector.hpp"
#include "frame/resize.hpp"
#include "network/student.hpp"
#include "network/weights.hpp"
#include "reading/reading.hpp"
#include "reading/summary.hpp"

namespace rppg {

ColorOrder parse_order(const std::string& color);
MotionKind parse_kind(const std::string& kind);
Box parse_box(const pybind11::object& object);
void check_threads(int threads);
void check_frame_size(std::int64_t height, std::int64_t width);
// A NumPy array of shape (height, width, 3) and dtype uint8.
FrameView view_array(const pybind11::object& object, ColorOrder order);
// A frame of any kind: the same, a grey array, or a YuvFrame, to which `color` does not apply.
FrameView view_frame(const pybind11::object& object, const std::string& color = "bgr");
// The planes of a YuvFrame; nullptr for any other object.
const FrameView* planes_of(const pybind11::handle& object);

// Sets the flag of an object in use. Raises an error if another thread has set it.
inline void mark_busy(std::atomic_flag& flag, const char* what) {
  if (flag.test_and_set(std::memory_order_acquire))
    throw std::runtime_error(std::string("this ") + what +
                             " is in use by another thread; use one object for each thread");
}

// Raises an error if two threads use one object at the same time, which would corrupt it.
class BusyMark {
 public:
  BusyMark(std::atomic_flag& flag, const char* what) : flag_(flag) { mark_busy(flag, what); }
  ~BusyMark() { flag_.clear(std::memory_order_release); }
  BusyMark(const BusyMark&) = delete;

 private:
  std::atomic_flag& flag_;
};

// bind_teacher.cpp
void bind_teacher(pybind11::module_& module);

// bind_signal.cpp
void bind_signal(pybind11::module_& module);

// bind_pulse.cpp
// The named tuple of rppg_fast/reading.py, for the frame at `time` (s).
pybind11::object make_reading(double time, const Reading& reading);
void bind_pulse(pybind11::module_& module);

// bind_summary.cpp
// Status, heart rate, SNR, confidence, coverage, spread, frames, duration and frame rate.
pybind11::tuple summary_tuple(const Summary& summary);
void bind_summary(pybind11::module_& module);

// bind_classical.cpp
void bind_classical(pybind11::module_& module);

// bind_frame.cpp
void bind_frame(pybind11::module_& module);

// bind_face.cpp
// Sets the object that a detector written in Python gets as the next frame, and removes it.
void show_frame(Detector& detector, const pybind11::object& frame);
void hide_frame(Detector& detector);

// Sets the object for the lifetime of this one.
class ShownFrame {
 public:
  ShownFrame(Detector& detector, const pybind11::object& frame) : detector_(detector) {
    show_frame(detector, frame);
  }
  ~ShownFrame() { hide_frame(detector_); }
  ShownFrame(const ShownFrame&) = delete;

 private:
  Detector& detector_;
};

void bind_face(pybind11::module_& module);

// bind_monitor.cpp
void bind_monitor(pybind11::module_& module);

// bind_cuda.cpp
std::shared_ptr<const Accelerator> open_accelerator(const StudentFile& file);
void changes_on_device(const Student& student, const pybind11::object& motion,
                       const pybind11::object& out, std::uintptr_t stream);
void bind_cuda(pybind11::module_& module);

}  // namespace rppg
