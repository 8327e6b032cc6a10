// A thread block of csrc/kernels/cuda on the CPU. In each phase its threads run one after the
// other, in a given order. Shared memory and registers are filled with NaN at the start.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

// If two orders give different results, a phase reads what another thread writes in the same phase:
// a barrier is missing.
std::vector<int> order_of(int threads, const std::string& name) {
  std::vector<int> order(static_cast<std::size_t>(threads));
  std::iota(order.begin(), order.end(), 0);
  if (name == "backward") std::reverse(order.begin(), order.end());
  if (name == "shuffled") std::shuffle(order.begin(), order.end(), std::mt19937(7));
  return order;
}

template <class Program>
class Block {
 public:
  explicit Block(const std::string& order) : order_(order_of(Program::kThreads, order)) {
    std::memset(static_cast<void*>(registers_.data()), 0xff, sizeof(Registers) * registers_.size());
    std::memset(static_cast<void*>(shared_.get()), 0xff, sizeof *shared_);
  }

  template <class Phase>
  void each(const Phase& phase) {
    for (const int thread : order_) phase(thread, registers_[static_cast<std::size_t>(thread)]);
  }

  unsigned arrive(unsigned* arrived) { return (*arrived)++; }

  typename Program::Shared& shared() { return *shared_; }

 private:
  using Registers = typename Program::Registers;
  std::vector<int> order_;
  std::vector<Registers> registers_ = std::vector<Registers>(Program::kThreads);
  std::unique_ptr<typename Program::Shared> shared_ = std::make_unique<typename Program::Shared>();
};
