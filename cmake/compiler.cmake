# Flags for everything that we compile: the language, the warnings, the hardening, the sanitizers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

option(SNAPJAIL_WERROR "Treat warnings as errors (the presets switch this on)" OFF)
option(SNAPJAIL_TEST_LAYERS
  "For the tests of the walls alone: a service whose layers can be switched off, one by one" OFF)
set(SNAPJAIL_SANITIZE "" CACHE STRING "Comma-separated sanitizers, as for -fsanitize=")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# What every target of ours links to, the extension included.
add_library(snapjail_flags INTERFACE)
target_include_directories(snapjail_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(snapjail_flags INTERFACE
  _GLIBCXX_ASSERTIONS SNAPJAIL_VERSION="${PROJECT_VERSION}")
if(SNAPJAIL_TEST_LAYERS)
  target_compile_definitions(snapjail_flags INTERFACE SNAPJAIL_TEST_LAYERS)
endif()
target_compile_options(snapjail_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wswitch-enum -Wvla
  # gcc 12 takes the allocator of Asio's coroutine frames for a mismatch: a false positive.
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op -Wno-mismatched-new-delete>
  # gcc 12 sees overlapping copies in "literal" + std::string: its bug 105651, mended in 13.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  $<$<BOOL:${SNAPJAIL_WERROR}>:-Werror>)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(snapjail_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
  target_link_options(snapjail_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

# What everything but the extension links to: PYTHON_BIN has no sanitizer's runtime in it.
add_library(snapjail_sanitize INTERFACE)
if(SNAPJAIL_SANITIZE)
  target_compile_options(snapjail_sanitize INTERFACE
    -fsanitize=${SNAPJAIL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    # It opens a pipe to look at an object, and finds fault where a test has used up descriptors.
    -fno-sanitize=vptr)
  target_link_options(snapjail_sanitize INTERFACE -fsanitize=${SNAPJAIL_SANITIZE})
  if(SNAPJAIL_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # gcc warns that it does not see fences. Asio has some, beside locks that it does see.
    target_compile_options(snapjail_sanitize INTERFACE -Wno-tsan)
  endif()
endif()
