// The weights of MTCNN in the program. The assembler includes them, because 2 MB take long to
// compile as C++.
#include "face_weights.hpp"

asm(".section .rodata\n"
    ".balign 64\n"
    ".global rppg_face_weights, rppg_face_weights_end\n"
    ".hidden rppg_face_weights, rppg_face_weights_end\n"
    "rppg_face_weights: .incbin \"" RPPG_FACE_WEIGHTS
    "\"\n"
    "rppg_face_weights_end: .byte 0\n"
    ".text\n");

extern "C" __attribute__((visibility("hidden"))) const unsigned char rppg_face_weights[],
    rppg_face_weights_end[];

const unsigned char* face_weights() { return rppg_face_weights; }

std::size_t face_weights_size() {
  return static_cast<std::size_t>(rppg_face_weights_end - rppg_face_weights);
}
