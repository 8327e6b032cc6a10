#include "amx_support.hpp"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

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
    const auto has = [](unsigned bits, int bit) { return (bits >> bit & 1) != 0; };
    AmxSupport found{};
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
      found.bf16 = has(d, 22);
      found.tile = has(d, 24);
      if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) found.avx512_bf16 = has(a, 5);
    }
    found.permitted = found.tile && ask_for_permission();
    return found;
  }();
  return support;
}

}  // namespace rppg
