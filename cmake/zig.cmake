# Toolchain for Windows and macOS by zig: cmake -DCMAKE_TOOLCHAIN_FILE=cmake/zig.cmake
# -DRPPG_TARGET=TARGET with x86_64-windows-gnu, aarch64-macos or x86_64-macos. RPPG_ZIG is the command
# of zig, which the PyPI package ziglang has: by default `python3 -m ziglang`.
set(RPPG_ZIG "python3;-m;ziglang" CACHE STRING "Command of zig, a list")
set(RPPG_TARGET "x86_64-windows-gnu" CACHE STRING "Target of zig")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES RPPG_ZIG RPPG_TARGET)

string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR ${RPPG_TARGET})
if(RPPG_TARGET MATCHES "windows")
  set(CMAKE_SYSTEM_NAME Windows)
else()
  set(CMAKE_SYSTEM_NAME Darwin)
endif()

# zig builds its C++ library once for each set of such options.
set(target -target ${RPPG_TARGET} -O3)
set(CMAKE_C_COMPILER ${RPPG_ZIG} cc ${target})
set(CMAKE_CXX_COMPILER ${RPPG_ZIG} c++ ${target})

# CMake takes one word for a tool, zig's are two and more.
foreach(tool ar ranlib rc)
  set(script ${CMAKE_BINARY_DIR}/zig-${tool})
  string(REPLACE ";" "\" \"" command "${RPPG_ZIG}")
  file(WRITE ${script} "#!/bin/sh\nexec \"${command}\" ${tool} \"$@\"\n")
  file(CHMOD ${script} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  string(TOUPPER ${tool} upper)
  set(CMAKE_${upper} ${script} CACHE FILEPATH "zig ${tool}")
endforeach()
