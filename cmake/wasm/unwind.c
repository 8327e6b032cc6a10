/* Unwinding by WebAssembly's exceptions, from zig's sources, and the tag of C++ exceptions. */
#include <Unwind-wasm.c>

__asm__(
    ".globl __cpp_exception\n"
    ".tagtype __cpp_exception i32\n"
    "__cpp_exception:\n");
