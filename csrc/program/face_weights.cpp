// The weights of MTCNN in the program. The assembler includes them, because 2 MB take long to
// compile as C++.
#include "face_weights.hpp"

#include <cstdint>

// A section of constants, and what keeps a name inside the program; C names begin with an
// underscore on macOS.
#if defined(_WIN32)
#define CONSTANTS ".section .rdata,\"dr\"\n"
#define NAME(name) #name
#define INSIDE(name) ".global " NAME(name) "\n"
#elif defined(__APPLE__)
#define CONSTANTS ".section __TEXT,__const\n"
#define NAME(name) "_" #name
#define INSIDE(name) ".global " NAME(name) "\n.private_extern " NAME(name) "\n"
#else
#define CONSTANTS ".section .rodata\n"
#define NAME(name) #name
#define INSIDE(name) ".global " NAME(name) "\n.hidden " NAME(name) "\n"
#endif

// clang-format off
asm(CONSTANTS
    ".balign 64\n"
    INSIDE(rppg_face_weights)
    NAME(rppg_face_weights) ": .incbin \"" RPPG_FACE_WEIGHTS "\"\n"
    "1: .balign 8\n"
    INSIDE(rppg_face_weights_size)
    NAME(rppg_face_weights_size) ": .quad 1b - " NAME(rppg_face_weights) "\n"
    ".text\n");
// clang-format on

extern "C" {
extern const unsigned char rppg_face_weights[];
extern const std::uint64_t rppg_face_weights_size;
}

const unsigned char* face_weights() { return rppg_face_weights; }

std::size_t face_weights_size() { return static_cast<std::size_t>(rppg_face_weights_size); }
