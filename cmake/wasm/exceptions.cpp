// The part of zig's C++ library that throws and catches. For WebAssembly zig builds this library
// without it, but has its sources. operator new is here, too, so that it throws std::bad_alloc.
// One file, so that the linker takes all of these in place of the library's.
#include <cxa_exception.cpp>
#include <cxa_exception_storage.cpp>
#include <cxa_personality.cpp>
#include <stdlib_new_delete.cpp>
