// Linux and macOS.
#include <unistd.h>

#include <csignal>
#include <initializer_list>

#include "system.hpp"

void use_plain_bytes() {}  // they always do

// Without SA_RESTART, so that a call that waits for a frame returns.
void on_stop(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

std::ptrdiff_t read_input(std::uint8_t* to, std::size_t count) {
  return ::read(STDIN_FILENO, to, count);
}
