// What the operating system does for the program, in a file for each kind of system.
#pragma once

#include <cstddef>
#include <cstdint>

// Makes standard input and output carry bytes as they are, without other line ends.
void use_plain_bytes();

// Calls `handler` when the program is told to stop. Where the system can, a call that waits for a
// frame then returns, so that the summary can still be written.
void on_stop(void (*handler)(int));

// Reads at most `count` bytes of standard input with one call of the system. Returns how many there
// were, 0 at the end, or -1 with the reason in errno.
std::ptrdiff_t read_input(std::uint8_t* to, std::size_t count);
