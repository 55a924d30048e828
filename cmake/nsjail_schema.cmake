# The classes that protoc makes of nsjail's schema: nobody's code here, so none of our warnings.
set(schema_folder ${CMAKE_BINARY_DIR}/schema)
set(schema ${CMAKE_SOURCE_DIR}/src/jail/nsjail/schema/nsjail_config.proto)
file(MAKE_DIRECTORY ${schema_folder})
add_custom_command(
  OUTPUT ${schema_folder}/nsjail_config.pb.cc ${schema_folder}/nsjail_config.pb.h
  COMMAND protobuf::protoc --cpp_out=${schema_folder} -I ${CMAKE_SOURCE_DIR}/src/jail/nsjail/schema
    ${schema}
  DEPENDS ${schema})
add_library(snapjail_nsjail_schema STATIC ${schema_folder}/nsjail_config.pb.cc
  ${schema_folder}/nsjail_config.pb.h)
target_include_directories(snapjail_nsjail_schema SYSTEM PUBLIC ${schema_folder})
target_link_libraries(snapjail_nsjail_schema PUBLIC protobuf::libprotobuf snapjail_sanitize)
