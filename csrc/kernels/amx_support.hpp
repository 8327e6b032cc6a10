// Whether this machine can run the amx backend.
#pragma once

namespace rppg {

struct AmxSupport {
  bool avx512_bf16, tile, bf16;  // features of the processor
  bool permitted;                // by the operating system, for this process
};

// If the processor has the tile registers, asks the operating system for permission to use them.
AmxSupport amx_support();

}  // namespace rppg
