// The weights of the face detector, which are part of the program but not of the library.
#pragma once

#include <cstddef>

const unsigned char* face_weights();
std::size_t face_weights_size();
