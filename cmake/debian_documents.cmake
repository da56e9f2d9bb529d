# Run by cpack on the tree that it is about to pack: in a .deb the licence has another name, and changes are compressed.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
set(documents "${CPACK_TEMPORARY_DIRECTORY}${CPACK_PACKAGING_INSTALL_PREFIX}/share/doc/tierpager")
if(NOT IS_DIRECTORY "${documents}")
  message(FATAL_ERROR "cpack has no ${documents}")
endif()
file(REMOVE "${documents}/LICENSE")
file(WRITE "${documents}/copyright"
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tierpager

Files: *
Copyright: the tierpager authors
License: Apache-2.0
 On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.
 What is compiled in from elsewhere keeps its own terms, which are in /usr/share/doc/tierpager/licences.
")
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(RENAME "${documents}/CHANGELOG.md" "${documents}/changelog")
file(WRITE "${documents}/changelog.Debian"
"tierpager (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=low

  * What changed is in changelog.gz beside this file.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
execute_process(COMMAND gzip -9n "${documents}/changelog" "${documents}/changelog.Debian" COMMAND_ERROR_IS_FATAL ANY)
