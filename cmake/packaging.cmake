# What cpack makes of an installed tree: a .deb, whose dependencies are read off the programs, and a .tar.gz. The preset
# `package` builds what goes into them.
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME tierpager)
set(CPACK_PACKAGE_VENDOR "the tierpager maintainers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "two-tier pager, VRAM and page-locked RAM, for models larger than either")
set(CPACK_PACKAGE_DESCRIPTION "Runs models that are larger than the memory of the device that
computes. The tensors of a model file live in two tiers, device memory and
page-locked RAM, each with a budget of bytes and a set of pins, and come when
they are used. This package has the command, the library and its headers.")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_SYSTEM_NAME "linux-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)

set(TIERPAGER_PACKAGE_CONTACT "tierpager maintainers <maintainers@tierpager.invalid>" CACHE STRING
  "Who answers for a package that is built here: NAME <ADDRESS>")
set(CPACK_PACKAGE_CONTACT "${TIERPAGER_PACKAGE_CONTACT}")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "g++, cmake, pkg-config")

set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_CURRENT_LIST_DIR}/triggers")
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/debian_documents.cmake")
include(CPack)
