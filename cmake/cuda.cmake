# rppg_cuda: the student on a CUDA device, or a replacement that reports that this build has no
# CUDA. The CUDA runtime is linked statically and looks for a driver at its first call, so that the
# module also loads on a machine without one.
if(RPPG_CUDA STREQUAL "AUTO")
  set(with_cuda OFF)
  if(RPPG_PYTHON AND NOT CMAKE_CROSSCOMPILING AND NOT WIN32)
    include(CheckLanguage)
    check_language(CUDA)
    if(CMAKE_CUDA_COMPILER)
      find_package(CUDAToolkit QUIET)
      if(TARGET CUDA::cudart_static)
        set(with_cuda ON)
      endif()
    endif()
  endif()
else()
  set(with_cuda ${RPPG_CUDA})
endif()

if(NOT with_cuda)
  message(STATUS "Without CUDA")
  add_library(rppg_cuda STATIC csrc/cuda/cuda_absent.cpp)
else()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(named_by_user OFF)
    set(CMAKE_CUDA_ARCHITECTURES OFF)  # chosen below, when the toolkit is known
  else()
    set(named_by_user ON)
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  if(NOT named_by_user)
    # The architectures of this list that the toolkit supports. Code for one of them runs on all
    # later ones with the same first digit, except on the boards (53, 62, 72, 87). The newest is
    # also added in a virtual form, which later devices translate.
    execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-arch OUTPUT_VARIABLE listed
      RESULT_VARIABLE failed ERROR_QUIET)
    if(failed)  # CUDA 10 lacks --list-gpu-arch
      set(listed "compute_53 compute_60 compute_62 compute_70 compute_72 compute_75")
    endif()
    set(CMAKE_CUDA_ARCHITECTURES)
    foreach(arch 53 60 62 70 72 75 80 87 90 100 120)
      if(listed MATCHES "compute_${arch}([^0-9]|$)")
        list(APPEND CMAKE_CUDA_ARCHITECTURES ${arch}-real)
        set(newest ${arch})
      endif()
    endforeach()
    list(APPEND CMAKE_CUDA_ARCHITECTURES ${newest}-virtual)
  endif()
  message(STATUS "With CUDA ${CMAKE_CUDA_COMPILER_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}")

  # C++14, the newest standard of the last CUDA version for the Jetson Nano.
  add_library(rppg_cuda STATIC csrc/cuda/cuda.cpp csrc/kernels/cuda/kernels.cu)
  set_target_properties(rppg_cuda PROPERTIES
    CUDA_STANDARD 14 CUDA_STANDARD_REQUIRED ON CUDA_EXTENSIONS OFF)
  target_link_libraries(rppg_cuda PRIVATE CUDA::cudart_static)
  string(REPLACE ";" ", sm_" architectures "${CMAKE_CUDA_ARCHITECTURES}")
  string(REGEX REPLACE ", sm_[0-9]+-virtual" " and later" architectures "${architectures}")
  string(REPLACE "-real" "" architectures "${architectures}")
  set_source_files_properties(csrc/cuda/cuda.cpp PROPERTIES
    COMPILE_DEFINITIONS "RPPG_CUDA_ARCHITECTURES=\"${architectures}\"")
endif()
target_link_libraries(rppg_cuda PUBLIC rppg_core)
target_compile_options(rppg_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wshadow>"
  "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${RPPG_WERROR}>>:-Xcompiler=-Werror>")
