// Tests the host code of CUDA (csrc/cuda/cuda.cpp) with a replacement of the CUDA runtime. Its
// streams do nothing until they are waited for, so that a missing wait is detected. Launches of the
// student's kernels are recorded by name and return a motion's first value times two; the frame
// kernel is the real one. Exits with 1 and a message if a test fails.
// Usage: run_cuda_host
#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "block.hpp"
#include "cuda/cuda.hpp"
#include "kernels/cuda/launch.hpp"

namespace {

// --- The replacement of the CUDA runtime

using Work = std::function<void()>;

std::map<cudaStream_t, std::deque<Work>> queues;
std::map<const void*, std::size_t> allocated;
std::vector<std::string> launches;
std::set<const unsigned*> meetings;  // of launches that were not waited for
cudaError_t next_error = cudaSuccess;
int devices = 1, multiprocessors = 132, allocations = 0;

void drain(cudaStream_t stream) {
  auto& queue = queues[stream];
  while (!queue.empty()) {
    const Work work = queue.front();
    queue.pop_front();
    work();
  }
}

cudaError_t answer() {
  const cudaError_t error = next_error;
  next_error = cudaSuccess;
  return error;
}

bool is_device(const void* pointer) {
  const auto after = allocated.upper_bound(pointer);
  if (after == allocated.begin()) return false;
  const auto& [start, size] = *std::prev(after);
  return static_cast<const char*>(pointer) < static_cast<const char*>(start) + size;
}

void expect(bool right, const char* what) {
  if (right) return;
  std::printf("%s\n", what);
  std::exit(1);
}

}  // namespace

cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "no CUDA-capable device";
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) {
  *count = devices;
  return devices ? cudaSuccess : cudaErrorNoDevice;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = multiprocessors;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 12040;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  std::strcpy(properties->name, "Stand-in");
  properties->major = 5;
  properties->minor = 3;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** memory, std::size_t size) {
  if (const cudaError_t error = answer()) return error;
  *memory = std::malloc(size);
  std::memset(*memory, 0xff, size);
  allocated[*memory] = size;
  ++allocations;
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  allocated.erase(memory);
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemset(void* to, int value, std::size_t size) {
  queues[nullptr].push_back([=] { std::memset(to, value, size); });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t size, cudaMemcpyKind) {
  drain(nullptr);
  std::memcpy(to, from, size);
  return cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  expect(is_device(to) == (kind == cudaMemcpyHostToDevice), "a copy goes the wrong way");
  if (kind == cudaMemcpyHostToDevice) {  // pageable memory is read before the call returns
    std::vector<char> kept;
    for (std::size_t row = 0; row < height; ++row) {
      const char* const start = static_cast<const char*>(from) + row * from_pitch;
      kept.insert(kept.end(), start, start + width);
    }
    queues[stream].push_back([=] {
      for (std::size_t row = 0; row < height; ++row)
        std::memcpy(static_cast<char*>(to) + row * to_pitch, kept.data() + row * width, width);
    });
  } else {
    expect(height == 1 && is_device(from), "a copy is not from the device");
    queues[stream].push_back([=] { std::memcpy(to, from, width); });
  }
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, size, from, size, size, 1, kind, stream);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  static std::uintptr_t handles = 0x1000;
  *stream = reinterpret_cast<cudaStream_t>(handles += 16);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  drain(stream == cudaStreamLegacy ? nullptr : stream);
  return answer();
}
cudaError_t cudaDeviceSynchronize() {
  for (auto& [stream, queue] : queues) drain(stream);
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  attributes->type = is_device(pointer) ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  attributes->device = 0;
  return cudaSuccess;
}
// An event is the stream that it was recorded on; in these tests, no work is added to that stream
// later.
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(new cudaStream_t);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  *reinterpret_cast<cudaStream_t*>(event) = stream;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const cudaStream_t other = *reinterpret_cast<cudaStream_t*>(event);
  queues[stream].push_back([=] { drain(other); });
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete reinterpret_cast<cudaStream_t*>(event);
  return cudaSuccess;
}

namespace rppg {
namespace cuda {

cudaError_t launch_whole(const DeviceWeights* weights, const float* motions, size_t count,
                         float* out, cudaStream_t stream) {
  expect(is_device(weights) && is_device(motions) && is_device(out), "whole: not on the device");
  launches.push_back("whole " + std::to_string(count));
  queues[stream].push_back([=] {
    for (size_t i = 0; i < count; ++i) out[i] = 2 * motions[i * kPixels];
  });
  return answer();
}

cudaError_t launch_split(const DeviceWeights* weights, const float* motions, size_t count,
                         float* parts, unsigned* arrived, float* out, cudaStream_t stream) {
  expect(is_device(weights) && is_device(motions) && is_device(out), "split: not on the device");
  expect(is_device(parts + count * Split::kParts - 1), "split: no room for the parts");
  expect(is_device(arrived + count - 1), "split: no room for the arrivals");
  expect(meetings.insert(arrived).second, "split: two launches meet");
  launches.push_back("split " + std::to_string(count));
  queues[stream].push_back([=] {
    meetings.erase(arrived);
    for (size_t i = 0; i < count; ++i) {
      expect(arrived[i] == 0, "split: somebody has arrived");
      out[i] = 2 * motions[i * kPixels];
    }
  });
  return answer();
}

cudaError_t launch_frame(const Crop& crop, const float* previous, bool normalized,
                         float* appearance, float* motion, cudaStream_t stream) {
  expect(is_device(crop.corner) && is_device(motion), "frame: not on the device");
  launches.push_back(previous ? "frame" : "first frame");
  queues[stream].push_back([=] {
    for (int index = 0; index < Frame::kBlocks; ++index) {
      Block<Frame> block("forward");
      Frame::run(block, block.shared(), index, crop, previous, normalized, appearance, motion);
    }
  });
  return answer();
}

}  // namespace cuda
}  // namespace rppg

// --- The tests

namespace {

using namespace rppg;

std::vector<std::string> taken() { return std::exchange(launches, {}); }

template <class Use>
std::string error_of(const Use& use) {
  try {
    use();
  } catch (const std::invalid_argument& error) {
    return std::string("invalid: ") + error.what();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

std::vector<float> motions_of(std::size_t count, float first) {
  std::vector<float> motions(count * kPixels);
  for (std::size_t i = 0; i < count; ++i) motions[i * kPixels] = first + static_cast<float>(i);
  return motions;
}

// Device memory with the given values.
template <class T>
T* there(const std::vector<T>& values) {
  void* memory;
  cudaMalloc(&memory, values.size() * sizeof(T));
  std::memcpy(memory, values.data(), values.size() * sizeof(T));
  return static_cast<T*>(memory);
}

void test_batches(const cuda::Network& network) {
  using Launches = std::vector<std::string>;
  const std::map<std::size_t, Launches> expected = {
      {0, {}},
      {1, {"split 1"}},
      {44, {"split 44"}},
      {45, {"whole 45"}},
      {512, {"whole 512"}},
      {1025, {"whole 512", "whole 512", "split 1"}},
  };
  for (const auto& [count, named] : expected) {
    const std::vector<float> motions = motions_of(count, 5);
    std::vector<float> out(count + 1, -1);
    network.predict_batch(motions.data(), static_cast<std::ptrdiff_t>(count), out.data());
    expect(taken() == named, "a batch takes other launches");
    for (std::size_t i = 0; i < count; ++i)
      expect(out[i] == 2 * motions[i * kPixels], "a batch is wrong");
    expect(out[count] == -1, "a batch writes too much");
  }
  const int before = allocations;
  float change;
  network.predict_batch(motions_of(1, 5).data(), 1, &change);
  expect(allocations == before, "a call allocates");
}

void test_student(std::shared_ptr<const cuda::Network> network) {
  const Student student(std::make_shared<const StudentWeights>(), select_kernels("portable"),
                        std::move(network));
  expect(std::strcmp(student.backend(), "cuda") == 0, "the student runs elsewhere");
  expect(std::strcmp(student.kernels().name, "portable") == 0, "frames are resized elsewhere");
  const auto scratch = std::make_unique<StudentScratch>();
  const std::vector<float> motions = motions_of(3, 7);
  expect(student.predict(motions.data(), *scratch) == 14, "the student's change is wrong");
  float out[3];
  student.predict_batch(motions.data(), 3, 2, out);
  expect(out[0] == 14 && out[1] == 16 && out[2] == 18, "the student's changes are wrong");
  expect(taken() == std::vector<std::string>{"split 1", "split 3"}, "the student is not there");
}

void test_streams(const cuda::Network& network) {
  const float* const motions = there(motions_of(1, 3));
  float* const out = there(std::vector<float>(16));
  const auto call = [&](std::uintptr_t stream, int at) {
    network.changes_on_device(motions, 1, out + at, stream);
  };
  const int before = allocations;
  for (int i = 0; i < 4; ++i) call(0x100 + static_cast<std::uintptr_t>(i), i);
  expect(allocations == before, "the first streams allocate");
  for (int i = 4; i < 8; ++i) call(0x100 + static_cast<std::uintptr_t>(i), i);
  call(reinterpret_cast<std::uintptr_t>(cudaStreamPerThread), 8);
  std::thread([&] { call(reinterpret_cast<std::uintptr_t>(cudaStreamPerThread), 9); }).join();
  expect(std::isnan(out[9]) || out[9] != 6, "a call waits");
  cudaDeviceSynchronize();
  for (int i = 0; i < 10; ++i) expect(out[i] == 6, "a stream's change is wrong");
  const int after = allocations;
  for (int i = 0; i < 8; ++i) call(0x100 + static_cast<std::uintptr_t>(i), i);
  expect(allocations == after, "a known stream allocates");
  cudaDeviceSynchronize();
  expect(taken().size() == 18, "a call is missing");
}

void test_waiting() {
  std::string order;
  queues[reinterpret_cast<cudaStream_t>(0x200)].push_back([&] { order += "producer "; });
  cuda::follow(0x300, 0x200);
  queues[reinterpret_cast<cudaStream_t>(0x300)].push_back([&] { order += "ours"; });
  cudaStreamSynchronize(reinterpret_cast<cudaStream_t>(0x300));
  expect(order == "producer ours", "a stream does not follow another");
}

void test_frames() {
  constexpr int kHeight = 50, kWidth = 61;
  const std::ptrdiff_t row = 3 * kWidth + 7;
  std::vector<std::uint8_t> pixels[3];
  for (int f = 0; f < 3; ++f)
    for (int i = 0; i < kHeight * row; ++i)
      pixels[f].push_back(static_cast<std::uint8_t>(100 + (i * (f + 3)) % 41));
  const Box box{3, 5, 60, 49}, other{3, 5, 59, 49}, small{3, 5, 20, 20};
  const auto view = [&](const std::uint8_t* data) {
    return view_rgb(data, kHeight, kWidth, row, 3, 1, ColorOrder::bgr);
  };
  float* const motion = there(std::vector<float>(kPixels, 9.0f));
  const auto appearance = [&](int f, const Box& where) {
    std::vector<float> out(kPixels);
    AreaResize(select_kernels("portable")).run(view(pixels[f].data()), where, out.data());
    return out;
  };
  for (const bool on_device : {false, true}) {
    const auto frames = cuda::open_frame_motion(MotionKind::difference);
    const auto push = [&](int f, const Box& where) {
      // The caller may change its frame as soon as the call returns.
      std::vector<std::uint8_t> kept = pixels[f];
      const std::uint8_t* const data = on_device ? there(kept) : kept.data();
      frames->push(view(data), on_device, where, motion, 0x400);
      std::fill(kept.begin(), kept.end(), std::uint8_t{0});
      cudaStreamSynchronize(reinterpret_cast<cudaStream_t>(0x400));
    };
    const auto is_change = [&](int from, int to, const Box& where) {
      const std::vector<float> a = appearance(from, where), b = appearance(to, where);
      for (std::size_t i = 0; i < kPixels; ++i)
        if (!(std::abs(motion[i] - (b[i] - a[i])) < 1e-6f)) return false;
      return true;
    };
    const auto is_rest = [&] {
      return std::all_of(motion, motion + kPixels, [](float x) { return x == 0; });
    };
    push(0, box);
    expect(is_rest(), "the first frame moves");
    push(1, box);
    expect(is_change(0, 1, box), "the second frame's motion is wrong");
    expect(error_of([&] { push(2, {0, 0, 62, 50}); }).find("leaves the frame") != std::string::npos,
           "a box may leave the frame");
    push(2, box);
    expect(is_change(1, 2, box), "a refused frame is not forgotten");
    push(0, other);
    expect(is_rest(), "another box moves");
    const int before = allocations;
    push(1, other);
    expect(is_change(0, 1, other), "the motion in another box is wrong");
    push(1, small);
    expect(on_device || allocations == before, "a smaller box allocates");
    frames->reset();
    push(2, small);
    expect(is_rest(), "a frame after a reset moves");
  }
}

void test_errors(const StudentTensors& tensors, const cuda::Network& network) {
  const std::vector<float> motions = motions_of(1, 5);
  float out;
  next_error = cudaErrorMemoryAllocation;
  expect(error_of([&] { network.predict_batch(motions.data(), 1, &out); }) ==
             "CUDA: cannot start the student: out of memory",
         "a launch that fails is not told");
  network.predict_batch(motions.data(), 1, &out);
  expect(out == 10, "an error stays");
  next_error = cudaErrorMemoryAllocation;
  expect(error_of([&] { cuda::open_network(tensors); }) ==
             "CUDA: cannot allocate memory: out of memory",
         "memory that is not there is not told");
  expect(cuda::describe_devices() == "Stand-in (sm_53), driver for CUDA 12.4", "other devices");
  expect(cuda::device_of(motions.data()) == -1, "memory of the processor is on a device");
  devices = 0;
  expect(cuda::describe_devices() == "no device: no CUDA-capable device", "there are devices");
  expect(error_of([&] { cuda::open_network(tensors); }) ==
             "invalid: backend 'cuda' is not available here: no CUDA-capable device",
         "a device that is not there is not told");
  devices = 1;
}

}  // namespace

int main() {
  const std::vector<float> values(kMaps1 * kMaps2 * 9);
  const StudentTensors tensors{values.data(), values.data(), values.data(),
                               values.data(), values.data(), values.data()};
  const std::size_t before = allocated.size();
  {
    const auto network = cuda::open_network(tensors);
    test_batches(*network);
    taken();
    test_student(network);
    test_streams(*network);
    test_errors(tensors, *network);
    multiprocessors = 1;  // as on the Jetson Nano
    const auto nano = cuda::open_network(tensors);
    multiprocessors = 132;
    float out;
    taken();
    nano->predict_batch(motions_of(1, 5).data(), 1, &out);
    expect(taken() == std::vector<std::string>{"whole 1"}, "a small device splits an image");
  }
  expect(allocated.size() == before + 2, "memory is not given back");  // the two of test_streams
  test_waiting();
  test_frames();
  for (const auto& [memory, size] : std::map(allocated)) cudaFree(const_cast<void*>(memory));
}
