// What this machine gives to the amx backend.
#pragma once

namespace rppg {

struct AmxSupport {
  bool avx512_bf16, tile, bf16;  // the processor's features
  bool permitted;                // by the operating system, to this process
};

// Asks the operating system for the permission where the processor has what it is for.
AmxSupport amx_support();

}  // namespace rppg
