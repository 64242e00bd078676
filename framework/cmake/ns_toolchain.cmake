# Language level, warnings and the sanitizers a preset may ask for.
option(NEUROSWEEP_TESTS "Build the tests" ON)
set(NEUROSWEEP_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them: address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # It takes assignments of literals to strings for endless copies (its bugs 105329, 105651).
  add_compile_options(-Wno-restrict -Wno-stringop-overflow)
endif()
if(NEUROSWEEP_SANITIZE)
  add_compile_options(-fsanitize=${NEUROSWEEP_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${NEUROSWEEP_SANITIZE})
endif()
