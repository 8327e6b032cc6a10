// The student and the stage before it on a CUDA device, for C++17 that knows nothing of CUDA.
// In a build without CUDA (cuda_absent.cpp) opening anything throws, and says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "frame/resize.hpp"
#include "kernels/cuda/frame.hpp"
#include "network/student.hpp"
#include "network/weight_packing.hpp"

namespace rppg::cuda {

// A cudaStream_t; 0 is the default stream.
using CudaStream = std::uintptr_t;

// Whether this build holds the kernels and for which architectures; which devices there are, or
// why none.
std::string describe_build();
std::string describe_devices();

// The device that memory lies on, -1 for the processor's own.
int device_of(const void* pointer);

// What comes to `stream` from here on waits for what `other` holds by now.
void follow(CudaStream stream, CudaStream other);

// The student on the device that was current when it was opened. Any number of threads may share
// one; calls from several threads on one stream need the care that CUDA asks for.
class Network : public Accelerator {
 public:
  virtual int device() const = 0;

  // The same from and to the device's memory: returns once the work is on the stream. Allocates
  // only at the first call on one more stream than ever before. Calls on one stream share memory:
  // a graph captured there must not run beside others of it, nor beside calls on that stream.
  virtual void changes_on_device(const float* motions, std::ptrdiff_t count, float* out,
                                 CudaStream stream) const = 0;
};

// Throws std::invalid_argument where there is no CUDA or no device.
std::shared_ptr<const Network> open_network(const StudentTensors& tensors);

// The frames of one face, one after the other -> the motion between them. Not for two threads or
// two streams at once. Allocates only where the box of a frame in the processor's memory is larger
// than any before.
class FrameMotion {
 public:
  virtual ~FrameMotion() = default;
  virtual int device() const = 0;

  // Writes the motion since the last frame to `motion`, in the device's memory: zeros for the first
  // frame and where the box is another one. Throws std::invalid_argument, with nothing changed, for
  // a box outside the frame. The frame is one of view_rgb; one in the processor's memory must have
  // packed pixels.
  virtual void push(const FrameView& frame, bool on_device, const Box& box, float* motion,
                    CudaStream stream) = 0;

  // As if new.
  virtual void reset() = 0;
};

std::unique_ptr<FrameMotion> open_frame_motion(MotionKind kind);

// Of a frame of red, green and blue in bytes, as view_rgb has it.
inline Crop crop_of(const FrameView& frame, const Box& box) {
  const double area = static_cast<double>(box.width()) * box.height() / (kSide * kSide);
  const bool blue_first = frame.planes[2].data < frame.planes[0].data;
  const Plane& first = frame.planes[blue_first ? 2 : 0];
  return {first.at(box.y0, box.x0),
          box.width(),
          box.height(),
          first.row,
          first.pixel,
          frame.planes[1].data - first.data,
          blue_first,
          static_cast<float>(1.0 / (255.0 * area))};
}

}  // namespace rppg::cuda
