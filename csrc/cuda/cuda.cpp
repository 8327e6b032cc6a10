#include "cuda/cuda.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/cuda/launch.hpp"

namespace rppg::cuda {
namespace {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // clears the error, so that the next call does not report it again
  throw std::runtime_error(std::string("CUDA: ") + what + ": " + cudaGetErrorString(error));
}

cudaStream_t as_stream(CudaStream stream) { return reinterpret_cast<cudaStream_t>(stream); }

int current_device() {
  int device = 0;
  const cudaError_t error = cudaGetDevice(&device);
  int count = 0;
  const cudaError_t counted = error == cudaSuccess ? cudaGetDeviceCount(&count) : error;
  if (counted != cudaSuccess) {
    cudaGetLastError();
    throw std::invalid_argument(std::string("backend 'cuda' is not available here: ") +
                                cudaGetErrorString(counted));
  }
  return device;
}

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "cannot ask for a device's attributes");
  return value;
}

// Makes a device the current one of this thread for the lifetime of this object.
class ScopedDevice {
 public:
  explicit ScopedDevice(int device) {
    check(cudaGetDevice(&before_), "cannot ask for the current device");
    if (before_ == device) return;
    check(cudaSetDevice(device), "cannot choose a device");
    changed_ = true;
  }
  ~ScopedDevice() {
    if (changed_) cudaSetDevice(before_);
  }
  ScopedDevice(const ScopedDevice&) = delete;

 private:
  int before_ = 0;
  bool changed_ = false;
};

template <class T>
class Memory {
 public:
  explicit Memory(std::size_t count) {
    void* memory = nullptr;
    check(cudaMalloc(&memory, count * sizeof(T)), "cannot allocate memory");
    data_ = static_cast<T*>(memory);
  }
  ~Memory() { cudaFree(data_); }  // cudaFree waits for the device
  Memory(const Memory&) = delete;
  T* data() const { return data_; }

 private:
  T* data_;
};

// Buffers that the blocks of one image share; for one launch at a time.
struct Meeting {
  static constexpr int kMost = 64;  // images

  Memory<float> parts{kMost * Split::kParts};
  Memory<unsigned> arrived{kMost};

  Meeting() {
    check(cudaMemset(arrived.data(), 0, kMost * sizeof(unsigned)), "cannot clear memory");
    check(cudaStreamSynchronize(cudaStreamLegacy), "cannot clear memory");
  }
};

// The working memory and the stream of a call with input in host memory.
struct Lane {
  static constexpr std::ptrdiff_t kMost = 512;  // images at a time, 8 MB

  Memory<float> motions{kMost * kPixels};
  Memory<float> changes{kMost};
  Meeting meeting;
  cudaStream_t stream = nullptr;

  Lane() {
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cannot create a stream");
  }
  ~Lane() {
    cudaStreamSynchronize(stream);  // after an error, earlier work may still be running
    cudaStreamDestroy(stream);
  }
  Lane(const Lane&) = delete;
};

class CudaNetwork final : public Network {
 public:
  explicit CudaNetwork(const StudentTensors& tensors)
      : device_(current_device()),
        multiprocessors_(attribute(cudaDevAttrMultiProcessorCount, device_)),
        weights_(1) {
    const auto packed = std::make_unique<DeviceWeights>();
    pack(tensors, *packed);
    check(cudaMemcpy(weights_.data(), packed.get(), sizeof *packed, cudaMemcpyHostToDevice),
          "cannot copy the weights");
    // Allocated here, because no allocation is allowed while a stream is captured into a graph.
    if (splits(1))
      for (int i = 0; i < kReady; ++i) meetings_.push_back(std::make_unique<Meeting>());
  }

  const char* name() const override { return "cuda"; }
  int device() const override { return device_; }

  void predict_batch(const float* motions, std::ptrdiff_t count, float* out) const override {
    if (count == 0) return;
    const ScopedDevice device(device_);
    std::unique_ptr<Lane> lane = take_lane();
    for (std::ptrdiff_t at = 0; at < count; at += Lane::kMost) {
      const std::ptrdiff_t some = std::min(Lane::kMost, count - at);
      check(cudaMemcpyAsync(lane->motions.data(), motions + at * kPixels,
                            some * kPixels * sizeof(float), cudaMemcpyHostToDevice, lane->stream),
            "cannot copy the motion to the device");
      launch(lane->motions.data(), some, lane->changes.data(),
             splits(some) ? &lane->meeting : nullptr, lane->stream);
      check(cudaMemcpyAsync(out + at, lane->changes.data(), some * sizeof(float),
                            cudaMemcpyDeviceToHost, lane->stream),
            "cannot copy the changes from the device");
    }
    check(cudaStreamSynchronize(lane->stream), "the student failed");
    const std::lock_guard<std::mutex> lock(mutex_);
    lanes_.push_back(std::move(lane));
  }

  void changes_on_device(const float* motions, std::ptrdiff_t count, float* out,
                         CudaStream stream) const override {
    if (count == 0) return;
    const ScopedDevice device(device_);
    launch(motions, count, out, splits(count) ? &meeting_of(stream) : nullptr, as_stream(stream));
  }

 private:
  static constexpr int kReady = 4;

  // Split computes 3.1 times as many products as Whole, but on up to 72 times as many
  // multiprocessors.
  bool splits(std::ptrdiff_t count) const {
    return count <= Meeting::kMost && 3 * count <= multiprocessors_;
  }

  void launch(const float* motions, std::ptrdiff_t count, float* out, const Meeting* meeting,
              cudaStream_t stream) const {
    const auto images = static_cast<std::size_t>(count);
    check(meeting ? launch_split(weights_.data(), motions, images, meeting->parts.data(),
                                 meeting->arrived.data(), out, stream)
                  : launch_whole(weights_.data(), motions, images, out, stream),
          "cannot start the student");
  }

  // Each stream has its own buffers, so that launches on several streams never share them. The
  // default streams of all threads have the same handle; therefore the thread is a part of the key.
  Meeting& meeting_of(CudaStream stream) const {
    const bool of_thread = as_stream(stream) == cudaStreamPerThread;
    const auto key =
        std::make_pair(stream, of_thread ? std::this_thread::get_id() : std::thread::id());
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = streams_.find(key);
    if (known != streams_.end()) return *meetings_[known->second];
    if (streams_.size() == meetings_.size()) meetings_.push_back(std::make_unique<Meeting>());
    return *meetings_[streams_.emplace(key, streams_.size()).first->second];
  }

  std::unique_ptr<Lane> take_lane() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (lanes_.empty()) return std::make_unique<Lane>();
    std::unique_ptr<Lane> lane = std::move(lanes_.back());
    lanes_.pop_back();
    return lane;
  }

  int device_, multiprocessors_;
  Memory<DeviceWeights> weights_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Lane>> lanes_;
  mutable std::vector<std::unique_ptr<Meeting>> meetings_;
  mutable std::map<std::pair<CudaStream, std::thread::id>, std::size_t> streams_;
};

class CudaFrameMotion final : public FrameMotion {
 public:
  explicit CudaFrameMotion(MotionKind kind)
      : device_(current_device()), kind_(kind), appearances_(2 * kPixels) {}

  int device() const override { return device_; }

  void push(const FrameView& frame, bool on_device, const Box& box, float* motion,
            CudaStream stream) override {
    check_box(box, frame);
    const ScopedDevice device(device_);
    const FrameView there = on_device ? frame : copy(frame, box, stream);
    const Box crop = on_device ? box : Box{0, 0, box.width(), box.height()};
    const bool moved = seen_ && box == box_;
    const float* const previous = appearances_.data() + current_ * kPixels;
    float* const appearance = appearances_.data() + (1 - current_) * kPixels;
    check(launch_frame(crop_of(there, crop), moved ? previous : nullptr,
                       kind_ == MotionKind::normalized, appearance, motion, as_stream(stream)),
          "cannot start the resizing");
    current_ = 1 - current_;
    box_ = box;
    seen_ = true;
  }

  void reset() override { seen_ = false; }

 private:
  FrameView copy(const FrameView& frame, const Box& box, CudaStream stream) {
    const std::size_t row = static_cast<std::size_t>(box.width()) * kColors;
    const std::size_t bytes = row * static_cast<std::size_t>(box.height());
    if (bytes > room_) {
      check(cudaDeviceSynchronize(),
            "an earlier frame failed");  // an earlier frame may still be read
      frame_ = std::make_unique<Memory<std::uint8_t>>(bytes);
      room_ = bytes;
    }
    const Crop crop = crop_of(frame, box);
    check(cudaMemcpy2DAsync(
              frame_->data(), row, crop.corner, static_cast<std::size_t>(crop.row_stride), row,
              static_cast<std::size_t>(box.height()), cudaMemcpyHostToDevice, as_stream(stream)),
          "cannot copy the frame to the device");
    return view_rgb(frame_->data(), box.height(), box.width(), static_cast<std::ptrdiff_t>(row),
                    kColors, 1, crop.blue_first ? ColorOrder::bgr : ColorOrder::rgb);
  }

  int device_;
  MotionKind kind_;
  Memory<float> appearances_;
  std::unique_ptr<Memory<std::uint8_t>> frame_;
  std::size_t room_ = 0;
  Box box_{};
  int current_ = 0;
  bool seen_ = false;
};

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

std::string describe_build() {
  return "built with " + version_text(CUDART_VERSION) + " for sm_" RPPG_CUDA_ARCHITECTURES;
}

std::string describe_devices() {
  int count = 0, driver = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    cudaGetLastError();
    return std::string("no device: ") + cudaGetErrorString(error);
  }
  check(cudaDriverGetVersion(&driver), "cannot ask for the driver's version");
  std::string text;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, i), "cannot ask for a device's properties");
    text += std::string(properties.name) + " (sm_" + std::to_string(properties.major) +
            std::to_string(properties.minor) + "), ";
  }
  return text + "driver for CUDA " + version_text(driver);
}

int device_of(const void* pointer) {
  cudaPointerAttributes attributes;
  const cudaError_t error = cudaPointerGetAttributes(&attributes, pointer);
  if (error == cudaErrorInvalidValue) {  // up to CUDA 10: memory that CUDA did not allocate
    cudaGetLastError();
    return -1;
  }
  check(error, "cannot tell where an array lies");
  const bool there =
      attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
  return there ? attributes.device : -1;
}

void follow(CudaStream stream, CudaStream other) {
  if (stream == other) return;
  cudaEvent_t event;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cannot create an event");
  const cudaError_t recorded = cudaEventRecord(event, as_stream(other));
  const cudaError_t waits =
      recorded == cudaSuccess ? cudaStreamWaitEvent(as_stream(stream), event, 0) : recorded;
  cudaEventDestroy(event);
  check(waits, "cannot wait for an array's stream");
}

std::shared_ptr<const Network> open_network(const StudentTensors& tensors) {
  return std::make_shared<const CudaNetwork>(tensors);
}

std::unique_ptr<FrameMotion> open_frame_motion(MotionKind kind) {
  return std::make_unique<CudaFrameMotion>(kind);
}

}  // namespace rppg::cuda
