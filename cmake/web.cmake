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
target_link_options(rppg_fast_web PRIVATE -mexec-model=reactor -Wl,--gc-sections
  -Wl,-z,stack-size=1048576 -Wl,--max-memory=536870912)

# package/: what is published to npm. page/: a site of plain files that measures the visitor's camera.
set(page rppg_fast/live/page)
set(engine web/engine.js web/rppg_fast.js web/rppg_fast.d.ts ${face_weights})
file(READ web/package.json package)
string(REPLACE "\"version\": \"0.0.0\"" "\"version\": \"${PROJECT_VERSION}\"" package "${package}")
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/package.json "${package}")
install(FILES ${engine} ${CMAKE_CURRENT_BINARY_DIR}/package.json LICENSE NOTICE DESTINATION package)
install(FILES $<TARGET_FILE:rppg_fast_web> DESTINATION package)

# The page of rppg-fast live, with its connection and its sink of frames replaced. Nothing but the
# page's own files may be loaded, and nothing may be sent anywhere.
set(policy "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'")
set(charset "<meta charset=\"utf-8\">")
file(READ ${page}/index.html html)
string(REPLACE "${charset}"
  "${charset}\n<meta http-equiv=\"Content-Security-Policy\" content=\"${policy}\">" html "${html}")
if(NOT html MATCHES "wasm-unsafe-eval")
  message(FATAL_ERROR "${page}/index.html has no place for the policy")
endif()
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/index.html "${html}")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/index.html DESTINATION page)
foreach(file app.js camera.js canvas.js icon.svg picture.js plots.js strings.js style.css)
  install(FILES ${page}/${file} DESTINATION page)
endforeach()
install(DIRECTORY web/page/ rppg_fast/live/strings DESTINATION page FILES_MATCHING PATTERN "*.js*")
install(FILES ${engine} DESTINATION page/engine)
install(FILES $<TARGET_FILE:rppg_fast_web> DESTINATION page/engine)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS web/package.json ${page}/index.html)
