// A thread block of csrc/kernels/cuda on the processor: its threads one after the other, from phase
// to phase, in some order; shared memory and registers are filled with what is no number.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

// If one order gives another answer than the next, a phase reads what it writes: a barrier is
// missing.
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
