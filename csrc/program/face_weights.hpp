// The face detector's weights, which the program carries and the library does not.
#pragma once

#include <cstddef>

const unsigned char* face_weights();
std::size_t face_weights_size();
