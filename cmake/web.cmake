# The engine as a WebAssembly module, without the weights of the face detector.
enable_language(C)
execute_process(COMMAND ${RPPG_ZIG} env OUTPUT_VARIABLE zig_env
  WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "lib_dir\"?[ =:]+\"([^\"]+)\"" found "${zig_env}")
get_filename_component(zig "${CMAKE_MATCH_1}" ABSOLUTE BASE_DIR ${CMAKE_CURRENT_BINARY_DIR})
if(NOT EXISTS ${zig}/libcxxabi/src/cxa_exception.cpp)
  message(FATAL_ERROR "zig's library has no sources of C++ exceptions: ${zig_env}")
endif()

add_library(rppg_exceptions OBJECT cmake/wasm/exceptions.cpp cmake/wasm/unwind.c)
target_include_directories(rppg_exceptions PRIVATE
  ${zig}/libcxxabi/include ${zig}/libcxxabi/src ${zig}/libcxx/src
  ${zig}/libunwind/include ${zig}/libunwind/src)
target_compile_definitions(rppg_exceptions PRIVATE
  _LIBCXXABI_HAS_NO_THREADS _LIBCPP_BUILDING_LIBRARY LIBCXX_BUILDING_LIBCXXABI
  _LIBUNWIND_HAS_NO_THREADS _LIBUNWIND_HIDE_SYMBOLS)
set_target_properties(rppg_exceptions PROPERTIES
  C_STANDARD 23 CXX_STANDARD 23 CXX_SCAN_FOR_MODULES OFF)

add_executable(rppg_fast_web csrc/web/web.cpp $<TARGET_OBJECTS:rppg_core>
  $<TARGET_OBJECTS:rppg_capi> $<TARGET_OBJECTS:rppg_exceptions>)
set_target_properties(rppg_fast_web PROPERTIES OUTPUT_NAME rppg_fast SUFFIX .wasm)
target_include_directories(rppg_fast_web PRIVATE csrc csrc/include)
target_compile_options(rppg_fast_web PRIVATE ${warnings})
# A reactor has no main. zig puts the stack below the data, so that an overflow is an error. A frame
# of 4K and the detector's maps of it take 130 MB.
target_link_options(rppg_fast_web PRIVATE -mexec-model=reactor -s -Wl,--gc-sections
  -Wl,-z,stack-size=1048576 -Wl,--max-memory=536870912)
