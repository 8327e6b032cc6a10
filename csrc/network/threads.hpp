// Division of work among threads. RPPG_NO_THREADS is defined where there are none.
#pragma once

#include <algorithm>
#include <cstddef>
#if !defined(RPPG_NO_THREADS)
#include <future>
#endif
#include <vector>

namespace rppg {

// Calls run(from, to) for contiguous parts of [0, count), each in a thread of its own and the first
// one in the caller's thread. Throws std::system_error if a thread cannot be started.
template <class Run>
void spread(std::ptrdiff_t count, [[maybe_unused]] int threads, const Run& run) {
#if defined(RPPG_NO_THREADS)
  run(0, count);
#else
  const std::ptrdiff_t workers =
      std::max<std::ptrdiff_t>(1, std::min<std::ptrdiff_t>(threads, count));
  std::vector<std::future<void>> others;
  for (std::ptrdiff_t k = 1; k < workers; ++k)
    others.push_back(
        std::async(std::launch::async, run, count * k / workers, count * (k + 1) / workers));
  run(0, count / workers);
  for (auto& other : others) other.get();
#endif
}

}  // namespace rppg
