// Windows. A signal comes in a thread of its own, so that a call that waits for a frame goes on
// until there is one, or until the program before the pipe has ended, which Ctrl-C stops, too.
#include <fcntl.h>
#include <io.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <initializer_list>

#include "system.hpp"

void use_plain_bytes() {
  for (std::FILE* const file : {stdin, stdout}) _setmode(_fileno(file), _O_BINARY);
}

void on_stop(void (*handler)(int)) {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, handler);
}

std::ptrdiff_t read_input(std::uint8_t* to, std::size_t count) {
  constexpr std::size_t kMost = 1 << 30;  // _read takes no more than 2^31 - 1
  return _read(_fileno(stdin), to, static_cast<unsigned>(std::min(count, kMost)));
}
