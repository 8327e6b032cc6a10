# Toolchain for WebAssembly: cmake -DCMAKE_TOOLCHAIN_FILE=cmake/wasm32.cmake. RPPG_ZIG is the command
# of zig, which the PyPI package ziglang has: by default `python3 -m ziglang`.
set(RPPG_ZIG "python3;-m;ziglang" CACHE STRING "Command of zig, a list")
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES RPPG_ZIG)

# SIMD128 and exceptions: every browser has both since 2022. zig builds its C++ library once for
# these options.
set(target -target wasm32-wasi -mcpu=generic+simd128+exception_handling -fwasm-exceptions)
set(CMAKE_C_COMPILER ${RPPG_ZIG} cc ${target})
set(CMAKE_CXX_COMPILER ${RPPG_ZIG} c++ ${target})
# WebAssembly has no fused multiply-add, so that no option is needed against it. Link-time
# optimisation would lose the exceptions.
