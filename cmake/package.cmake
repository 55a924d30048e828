# What an installation consists of, and the Debian package that holds it (the target `package`). The
# program finds lib/snapjail beside its own folder, so the prefix does not matter.
include(GNUInstallDirs)

install(TARGETS snapjail RUNTIME DESTINATION bin)
install(TARGETS snapjail_extension LIBRARY DESTINATION lib/snapjail)
# Of the build, so that it is what the program reads there too.
install(DIRECTORY ${CMAKE_BINARY_DIR}/lib/snapjail/ DESTINATION lib/snapjail
  FILES_MATCHING PATTERN "*.py" PATTERN "__pycache__" EXCLUDE)
install(FILES deploy/systemd/snapjail.service DESTINATION lib/systemd/system)
install(FILES deploy/apparmor/snapjail DESTINATION share/snapjail/apparmor)
# In the repository's folders, so that the pages' links to each other lead somewhere.
install(FILES README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md LICENSE SECURITY.md
  deploy/debian/copyright DESTINATION share/doc/snapjail)
install(FILES src/README.md DESTINATION share/doc/snapjail/src)
install(DIRECTORY docs DESTINATION share/doc/snapjail FILES_MATCHING PATTERN "*.md")
install(FILES config/python.cfg DESTINATION share/doc/snapjail/examples)
install(FILES deploy/systemd/default DESTINATION /etc/default RENAME snapjail)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_CONTACT "Snapjail's maintainers <snapjail@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "run untrusted Python in jails, over HTTP")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "Answers POST /execute with the JSON value of a script's main(), from an interpreter that was
 forked, jailed and warmed before the request came.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE "")
# Libraries with their versions, asked of the binaries by dpkg-shlibdeps.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "python3 (>= 3.9), ucf")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3-numpy, python3-pandas")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "apparmor")
set(CPACK_STRIP_FILES ON)
# Folders as dpkg wants them, whatever the builder's umask is.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(name postinst prerm postrm conffiles)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/deploy/debian/${name})
endforeach()
include(CPack)
