# Writes a file's bytes as C++ source: cmake -DINPUT=... -DOUTPUT=... -P embed.cmake
file(READ "${INPUT}" bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)"
  "\\1\n" bytes "${bytes}")
get_filename_component(name "${INPUT}" NAME)
file(WRITE "${OUTPUT}" "// ${name}
#include \"capi/bundled.hpp\"

namespace rppg {

alignas(64) const unsigned char kBundledWeights[] = {
${bytes}
};
const std::size_t kBundledSize = sizeof kBundledWeights;

}  // namespace rppg
")
