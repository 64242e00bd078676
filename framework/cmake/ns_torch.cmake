# ns::torch (CPU part), ns::torch_cuda (CUDA part) and ns::nccl (NCCL and the CUDA runtime alone) from the pinned PyPI wheel.
# Plain imported targets: find_package(Torch) wants nvcc, and the wheel needs none.
#   NEUROSWEEP_TORCH   the torch folder (with include/ and lib/); default: the venv that ./dev makes
set(_ns_default_torch "")
file(GLOB _ns_found "$ENV{HOME}/.cache/neurosweep/torch-2.11.0/lib/python3.*/site-packages/torch")
if(DEFINED ENV{XDG_CACHE_HOME})
  file(GLOB _ns_found "$ENV{XDG_CACHE_HOME}/neurosweep/torch-2.11.0/lib/python3.*/site-packages/torch")
endif()
if(DEFINED ENV{NEUROSWEEP_TORCH})
  set(_ns_default_torch "$ENV{NEUROSWEEP_TORCH}")
elseif(_ns_found)
  list(GET _ns_found 0 _ns_default_torch)
endif()
set(NEUROSWEEP_TORCH "${_ns_default_torch}" CACHE PATH "The torch folder, with include/ and lib/")
if(NOT EXISTS "${NEUROSWEEP_TORCH}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "no libtorch at '${NEUROSWEEP_TORCH}': run ./dev build, or set NEUROSWEEP_TORCH to a torch folder with include/ and lib/")
endif()

add_library(ns_torch INTERFACE)
add_library(ns::torch ALIAS ns_torch)
# After the system's folders: the wheel brings a newer fmt, whose library it does not bring.
target_compile_options(ns_torch INTERFACE "SHELL:-idirafter ${NEUROSWEEP_TORCH}/include")
target_link_libraries(ns_torch INTERFACE "${NEUROSWEEP_TORCH}/lib/libtorch_cpu.so" "${NEUROSWEEP_TORCH}/lib/libc10.so")
target_link_options(ns_torch INTERFACE "-Wl,-rpath,${NEUROSWEEP_TORCH}/lib")

get_filename_component(_ns_site "${NEUROSWEEP_TORCH}" DIRECTORY)
set(_ns_cudart "${_ns_site}/nvidia/cu13")
set(_ns_nccl "${_ns_site}/nvidia/nccl")
if(EXISTS "${NEUROSWEEP_TORCH}/lib/libtorch_cuda.so" AND EXISTS "${_ns_nccl}/include/nccl.h")
  set(NEUROSWEEP_CUDA_DEFAULT ON)
else()
  set(NEUROSWEEP_CUDA_DEFAULT OFF)
endif()
option(NEUROSWEEP_CUDA "Link the CUDA and NCCL parts of libtorch" ${NEUROSWEEP_CUDA_DEFAULT})
if(NEUROSWEEP_CUDA)
  add_library(ns_nccl INTERFACE)
  add_library(ns::nccl ALIAS ns_nccl)
  target_include_directories(ns_nccl SYSTEM INTERFACE "${_ns_cudart}/include" "${_ns_nccl}/include")
  target_link_libraries(ns_nccl INTERFACE "${_ns_nccl}/lib/libnccl.so.2" "${_ns_cudart}/lib/libcudart.so.13")
  target_link_options(ns_nccl INTERFACE
    "-Wl,-rpath,${_ns_nccl}/lib:${_ns_cudart}/lib" "-Wl,-rpath-link,${_ns_nccl}/lib:${_ns_cudart}/lib")

  add_library(ns_torch_cuda INTERFACE)
  add_library(ns::torch_cuda ALIAS ns_torch_cuda)
  target_link_libraries(ns_torch_cuda INTERFACE ns_torch ns_nccl -Wl,--no-as-needed
    "${NEUROSWEEP_TORCH}/lib/libtorch_cuda.so" "${NEUROSWEEP_TORCH}/lib/libc10_cuda.so" -Wl,--as-needed)
endif()
