// Reports AMX on every machine.
#include "kernels/amx_support.hpp"

namespace rppg {

AmxSupport amx_support() { return {true, true, true, true}; }

}  // namespace rppg
