# snapjail_module(NAME [DEPS lower modules] [LIBS libraries]): src/NAME/*.cc becomes a static
# library, src/NAME/*_test.cc its tests. A module links to nothing but what it declares.
function(snapjail_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
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
