#include "amx_support.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include "cpu_features.hpp"

namespace rppg {
namespace {

// Linux grants the tile registers, 8 KB a thread, only to processes that ask for them.
bool ask_for_permission() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM of asm/prctl.h
  constexpr long kTileData = 18;  // XFEATURE_XTILEDATA: the state component of the tile registers
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

AmxSupport amx_support() {
  static const AmxSupport support = [] {
    const CpuFeatures& cpu = cpu_features();
    AmxSupport found{};
    found.avx512_bf16 = cpu.avx512_bf16;
    found.tile = cpu.amx_tile;
    found.bf16 = cpu.amx_bf16;
    found.permitted = found.tile && ask_for_permission();
    return found;
  }();
  return support;
}

}  // namespace rppg
