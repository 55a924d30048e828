# snapjail_module(NAME [FOLDER folder] [DEPS lower modules] [LIBS libraries]): src/NAME/*.cc, or
# src/FOLDER/*.cc, becomes a static library, *_test.cc there its tests. A module links to nothing
# but what it declares.
function(snapjail_module name)
  cmake_parse_arguments(ARG "" "FOLDER" "DEPS;LIBS" ${ARGN})
  if(NOT ARG_FOLDER)
    set(ARG_FOLDER ${name})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${ARG_FOLDER}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ARG_DEPS PREPEND snapjail_)

  if(sources)
    add_library(snapjail_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(snapjail_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(snapjail_${name} ${scope}
    snapjail_flags snapjail_sanitize ${ARG_DEPS} ${ARG_LIBS})

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE snapjail_${name} GTest::gtest_main)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT 120)
  endif()
endfunction()
