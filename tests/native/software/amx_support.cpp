// Says of every machine that it has AMX.
#include "kernels/amx_support.hpp"

namespace rppg {

AmxSupport amx_support() { return {true, true, true, true}; }

}  // namespace rppg
