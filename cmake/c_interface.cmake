# The C interface of the engine with the bundled weights, as a static library.
set(bundled ${CMAKE_CURRENT_BINARY_DIR}/bundled.cpp)
set(weights ${CMAKE_CURRENT_SOURCE_DIR}/rppg_fast/assets/student.safetensors)
set(face_weights ${CMAKE_CURRENT_SOURCE_DIR}/rppg_fast/assets/mtcnn.safetensors)
set(embed ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake)
add_custom_command(OUTPUT ${bundled} DEPENDS ${weights} ${embed} VERBATIM
  COMMAND ${CMAKE_COMMAND} -DINPUT=${weights} -DOUTPUT=${bundled} -P ${embed})

add_library(rppg_capi OBJECT csrc/capi/capi.cpp csrc/capi/face.cpp csrc/capi/monitor.cpp
  ${bundled})
target_include_directories(rppg_capi PUBLIC csrc csrc/include)
target_compile_options(rppg_capi PRIVATE ${warnings})
target_compile_definitions(rppg_capi PRIVATE RPPG_BUILD)
set_source_files_properties(csrc/capi/capi.cpp PROPERTIES
  COMPILE_DEFINITIONS RPPG_VERSION="${PROJECT_VERSION}")

if(web) # which has no libraries
  return()
endif()
add_library(rppg_fast_static STATIC $<TARGET_OBJECTS:rppg_core> $<TARGET_OBJECTS:rppg_capi>)
set_target_properties(rppg_fast_static PROPERTIES OUTPUT_NAME rppg_fast EXPORT_NAME static)
if(MSVC) # where rppg_fast.lib belongs to the DLL
  set_target_properties(rppg_fast_static PROPERTIES OUTPUT_NAME rppg_fast_static)
endif()
target_link_libraries(rppg_fast_static PUBLIC Threads::Threads)
