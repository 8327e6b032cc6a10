# What differs between compilers and systems: the processor, the form of options, the warnings.
if(WIN32 AND CMAKE_CXX_COMPILER_ID STREQUAL "MSVC")
  message(FATAL_ERROR "rppg_fast needs clang here, whose vectors MSVC does not have: install "
    "'C++ Clang tools for Windows' with Visual Studio, and configure with -T ClangCL")
elseif(NOT CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  message(FATAL_ERROR "rppg_fast needs gcc or clang, not ${CMAKE_CXX_COMPILER_ID}")
elseif(WIN32 AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  message(FATAL_ERROR "rppg_fast needs clang on Windows: gcc does not align the stack there for "
    "vectors of more than 16 bytes (its bug 54412), and the AVX2 kernels would crash")
endif()

# The processor that is compiled for. On macOS it may be another one than this machine's.
set(processor ${CMAKE_SYSTEM_PROCESSOR})
if(APPLE AND CMAKE_OSX_ARCHITECTURES)
  set(processor ${CMAKE_OSX_ARCHITECTURES})
  list(LENGTH processor count)
  if(count GREATER 1)
    message(FATAL_ERROR "CMAKE_OSX_ARCHITECTURES names ${count} processors (${processor}): build "
      "for one at a time, and join the files with lipo")
  endif()
endif()

# clang-cl takes options of gcc's form behind this prefix.
set(gcc)
if(CMAKE_CXX_COMPILER_FRONTEND_VARIANT STREQUAL "MSVC")
  set(gcc "/clang:")
endif()
set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(RPPG_WERROR)
  list(APPEND warnings -Werror)
endif()
list(TRANSFORM warnings PREPEND "${gcc}")
if(WIN32) # fopen, getenv and sscanf are no mistakes
  add_compile_definitions(_CRT_SECURE_NO_WARNINGS)
endif()

if(NOT RPPG_PYTHON) # the Python module uses the system's C++ runtime, unless it is told otherwise
  set(alone ON)
endif()
option(RPPG_STATIC_RUNTIME "Link the compiler's own libraries in: only libc is needed then" ${alone})
set(runtime)
if(RPPG_STATIC_RUNTIME AND MSVC)
  set(CMAKE_MSVC_RUNTIME_LIBRARY "MultiThreaded$<$<CONFIG:Debug>:Debug>")
elseif(RPPG_STATIC_RUNTIME AND NOT WIN32 AND NOT APPLE) # macOS has its own, zig links it anyway
  set(runtime -static-libstdc++ -static-libgcc)
endif()
