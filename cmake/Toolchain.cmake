# What every target of ours is compiled with. Nothing here is global to third-party code.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(HF_SANITIZE "" CACHE STRING "address, thread or empty")
# Several files of a module in one go: half the work, as what they share is compiled once. Not where one edits them one by one.
set(HF_UNITY OFF CACHE BOOL "Compile the files of a module together")
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(tl-expected REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)

add_library(hf_options INTERFACE)
target_compile_options(hf_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -fno-omit-frame-pointer)
target_include_directories(hf_options INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
target_compile_definitions(hf_options INTERFACE
  HF_VERSION="${PROJECT_VERSION}" BOOST_ALLOW_DEPRECATED_HEADERS)
target_link_libraries(hf_options INTERFACE Threads::Threads tl::expected)

# For tests that read files of the tree. No other object may know where the tree lies: ccache serves it in any clone.
add_library(hf_source_dir INTERFACE)
target_compile_definitions(hf_source_dir INTERFACE HF_SOURCE_DIR="${CMAKE_SOURCE_DIR}")

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_link_options(hf_options INTERFACE -fuse-ld=lld-19)
  # A designated initializer names what differs from the defaults: that is what defaults are for.
  target_compile_options(hf_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp" -Wno-missing-designated-field-initializers)
endif()
if(HF_SANITIZE STREQUAL "address")
  # With what the fuzz targets count by, so that one build serves them and the tests.
  target_compile_options(hf_options INTERFACE -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all)
  target_link_options(hf_options INTERFACE -fsanitize=address,undefined)
elseif(HF_SANITIZE STREQUAL "thread")
  target_compile_options(hf_options INTERFACE -fsanitize=thread)
  target_link_options(hf_options INTERFACE -fsanitize=thread)
endif()

# Where the code goes under load is known: the release build lays it out for that (decision 0011).
set(HF_PROFILE use CACHE STRING "use: be led by cmake/holdfastd.profdata; make: write such profiles; none")
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang"
   AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 19)
  if(HF_PROFILE STREQUAL "make")
    target_compile_options(hf_options INTERFACE -fprofile-instr-generate)
    target_link_options(hf_options INTERFACE -fprofile-instr-generate)
  elseif(HF_PROFILE STREQUAL "use")
    target_compile_options(hf_options INTERFACE -fprofile-instr-use=${CMAKE_SOURCE_DIR}/cmake/holdfastd.profdata
      -Wno-profile-instr-unprofiled -Wno-profile-instr-out-of-date)
  endif()
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    ${CCACHE})
endif()

# The precompiled header: what nearly every file needs and nobody changes.
file(WRITE ${CMAKE_BINARY_DIR}/empty.cpp "")
add_library(hf_pch STATIC ${CMAKE_BINARY_DIR}/empty.cpp)
target_link_libraries(hf_pch PUBLIC hf_options)
target_precompile_headers(hf_pch PRIVATE
  <algorithm> <array> <chrono> <cstdint> <functional> <map> <memory> <optional> <set> <span> <string>
  <string_view> <unordered_map> <utility> <variant> <vector> <tl/expected.hpp>)

# The same for tests, with what every test includes. Tests are compiled for quick compiling: they wait for what they test.
add_library(hf_test_options INTERFACE)
target_link_libraries(hf_test_options INTERFACE hf_options GTest::gtest GTest::gmock)
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(hf_test_options INTERFACE -O0)
endif()
add_library(hf_test_pch STATIC ${CMAKE_BINARY_DIR}/empty.cpp)
target_link_libraries(hf_test_pch PUBLIC hf_test_options)
target_precompile_headers(hf_test_pch PRIVATE
  <algorithm> <array> <chrono> <cstdint> <functional> <map> <memory> <optional> <set> <span> <string>
  <string_view> <unordered_map> <utility> <variant> <vector> <tl/expected.hpp> <gmock/gmock.h> <gtest/gtest.h>)

# hf_test_executable(NAME): compiles that test as tests are.
function(hf_test_executable NAME)
  target_link_libraries(${NAME} PRIVATE hf_test_options)
  target_precompile_headers(${NAME} REUSE_FROM hf_test_pch)
endfunction()
