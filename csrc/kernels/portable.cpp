// The portable backend: the bodies as the compiler's baseline instruction set makes them.
#include "body.hpp"

namespace rppg {

const Kernels kPortableKernels = {"portable", body::add_row, body::motion, body::first_layer,
                                  body::second_layer};

}  // namespace rppg
