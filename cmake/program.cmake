# The program, which needs no Python: it uses the C interface, and libjpeg if it is found.
set(RPPG_JPEG AUTO CACHE STRING "Decode JPEG in rppg-fast-stream: ON, OFF or, with libjpeg, AUTO")

add_executable(rppg-fast-stream csrc/program/main.cpp csrc/program/camera.cpp
  csrc/program/face_weights.cpp csrc/program/format_check.cpp csrc/program/jpeg_scan.cpp
  csrc/program/options.cpp csrc/program/pipe.cpp csrc/program/pipe_input.cpp
  csrc/program/y4m.cpp)
if(RPPG_JPEG STREQUAL "AUTO")
  find_package(JPEG)
elseif(RPPG_JPEG)
  find_package(JPEG REQUIRED)
endif()
if(RPPG_JPEG AND JPEG_FOUND)
  target_sources(rppg-fast-stream PRIVATE csrc/program/jpeg.cpp)
  target_link_libraries(rppg-fast-stream PRIVATE JPEG::JPEG)
else()
  target_sources(rppg-fast-stream PRIVATE csrc/program/jpeg_absent.cpp)
endif()
set_source_files_properties(csrc/program/face_weights.cpp PROPERTIES
  COMPILE_DEFINITIONS RPPG_FACE_WEIGHTS="${face_weights}" OBJECT_DEPENDS ${face_weights})
target_include_directories(rppg-fast-stream PRIVATE csrc/include)
target_link_libraries(rppg-fast-stream PRIVATE rppg_fast_static)
target_link_options(rppg-fast-stream PRIVATE ${runtime})
target_compile_options(rppg-fast-stream PRIVATE ${warnings})
