// The student network, and the computation of its input, on a CUDA device. The header is plain
// C++17 and needs no CUDA header. In a build without CUDA (cuda_absent.cpp), opening anything
// throws an error that says so.
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

// Whether this build contains the kernels and for which architectures; and which devices exist, or
// why there is none.
std::string describe_build();
std::string describe_devices();

// The device whose memory `pointer` points to; -1 for host memory.
int device_of(const void* pointer);

// Work put on `stream` after this call waits for the work that `other` holds at the time of the
// call.
void follow(CudaStream stream, CudaStream other);

// The student network on the device that was current when it was opened. Any number of threads may
// share one object. Calls from several threads on one stream need the care that CUDA requires.
class Network : public Accelerator {
 public:
  virtual int device() const = 0;

  // The same as `changes` with input and output in device memory. The function returns as soon as
  // the work is on the stream. It allocates only when it is called on more streams than ever
  // before. Calls on one stream share memory: a graph captured on that stream must not run at the
  // same time as another graph captured there, nor at the same time as calls on that stream.
  virtual void changes_on_device(const float* motions, std::ptrdiff_t count, float* out,
                                 CudaStream stream) const = 0;
};

// Throws std::invalid_argument if the build has no CUDA or the machine has no device.
std::shared_ptr<const Network> open_network(const StudentTensors& tensors);

// Turns the frames of one face, one after the other, into the motion between them. One object must
// not be used by two threads or two streams at the same time. It allocates only when the box of a
// frame in host memory is larger than any before.
class FrameMotion {
 public:
  virtual ~FrameMotion() = default;
  virtual int device() const = 0;

  // Writes the motion since the last frame to `motion`, in device memory. The motion is zero for
  // the first frame and when the box has changed. Throws std::invalid_argument for a box outside
  // the frame, and then changes nothing. The frame must come from view_rgb; a frame in host memory
  // must have packed pixels.
  virtual void push(const FrameView& frame, bool on_device, const Box& box, float* motion,
                    CudaStream stream) = 0;

  // Resets the object to its state after construction.
  virtual void reset() = 0;
};

std::unique_ptr<FrameMotion> open_frame_motion(MotionKind kind);

// The crop of a frame with 8-bit red, green and blue, as view_rgb describes it.
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
