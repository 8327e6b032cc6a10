# The library for C and C++, its CMake package and pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

option(RPPG_STATIC_LIBRARY "Install the static library, too" ON)

# The version of the interface is defined in one place, the header.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS csrc/include/rppg_fast.h)
foreach(part MAJOR MINOR)
  file(STRINGS csrc/include/rppg_fast.h line REGEX "^#define RPPG_ABI_${part} ")
  string(REGEX REPLACE "^.* " "" abi_${part} "${line}")
endforeach()

add_library(rppg_fast SHARED $<TARGET_OBJECTS:rppg_core> $<TARGET_OBJECTS:rppg_capi>)
set_target_properties(rppg_fast PROPERTIES
  VERSION ${abi_MAJOR}.${abi_MINOR} SOVERSION ${abi_MAJOR})
target_link_options(rppg_fast PRIVATE ${runtime})
if(NOT WIN32 AND NOT APPLE) # or what is inlined of the C++ library would be exported, too
  set(exports ${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map)
  set_target_properties(rppg_fast PROPERTIES LINK_DEPENDS ${exports})
  target_link_options(rppg_fast PRIVATE -Wl,--version-script=${exports} -Wl,--no-undefined)
endif()
target_link_libraries(rppg_fast PRIVATE Threads::Threads)

foreach(library rppg_fast rppg_fast_static)
  target_include_directories(${library} INTERFACE
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/csrc/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

if(RPPG_PROGRAM)
  install(TARGETS rppg-fast-stream)
endif()

install(FILES csrc/include/rppg_fast.h TYPE INCLUDE)
install(TARGETS rppg_fast EXPORT rppg_fast)
if(RPPG_STATIC_LIBRARY)
  install(TARGETS rppg_fast_static EXPORT rppg_fast)
endif()
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/rppg_fast)
install(EXPORT rppg_fast NAMESPACE rppg_fast:: DESTINATION ${package}
  FILE rppg_fast-targets.cmake)
configure_package_config_file(cmake/rppg_fast-config.cmake.in rppg_fast-config.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(rppg_fast-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rppg_fast-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/rppg_fast-config-version.cmake DESTINATION ${package})
# Relative to the file itself, so that an unpacked archive works in any folder.
file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/rppg_fast.pc.in rppg_fast.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rppg_fast.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${face_weights} rppg_fast/assets/teacher.safetensors
  DESTINATION ${CMAKE_INSTALL_DATADIR}/rppg_fast)
install(FILES LICENSE NOTICE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/rppg_fast)
