# What `cmake --install` puts where: the library, its public headers, the command, the README with the pages and the examples
# that it names, licences, and what lets other projects find all that: a CMake package and a pkg-config file. Everything is
# relative to the prefix, so that an installed tree may be moved.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(tierpager_libraries tierpager)
if(BUILD_SHARED_LIBS)
  set(tierpager_abi ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})  # before 1.0 a minor version may break it
  set_target_properties(tierpager PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${tierpager_abi})
else()
  list(APPEND tierpager_libraries tierpager_host tierpager_cuda tierpager_core)
endif()

install(TARGETS ${tierpager_libraries} EXPORT tierpagerTargets
  RUNTIME COMPONENT runtime
  LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE COMPONENT development
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
set(tierpager_header_folders core/include/ host/include/)
if(TIERPAGER_HAS_CUDA)
  list(APPEND tierpager_header_folders cuda/include/)
endif()
install(DIRECTORY ${tierpager_header_folders} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)

if(TARGET tierpager_command)
  install(TARGETS tierpager_command COMPONENT runtime)
endif()

install(FILES README.md CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT runtime)
install(DIRECTORY docs DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT runtime FILES_MATCHING PATTERN "*.md" PATTERN doxygen EXCLUDE)
install(DIRECTORY examples DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)

# The licence, and those of the headers that are compiled in: as the distribution installed them.
install(FILES LICENSE THIRD_PARTY_NOTICES.md DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT runtime)
set(tierpager_compiled_in_packages nlohmann-json3-dev libcli11-dev)
if(TIERPAGER_HAS_CUDA)  # CUB, by its toolkit's package
  list(APPEND tierpager_compiled_in_packages cuda-cccl-${CUDAToolkit_VERSION_MAJOR}-${CUDAToolkit_VERSION_MINOR})
endif()
foreach(tierpager_compiled_in IN LISTS tierpager_compiled_in_packages)
  install(FILES "/usr/share/doc/${tierpager_compiled_in}/copyright" DESTINATION "${CMAKE_INSTALL_DOCDIR}/licences"
    RENAME ${tierpager_compiled_in} COMPONENT runtime OPTIONAL)
endforeach()

# ---- the CMake package

set(tierpager_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tierpager")
set(tierpager_needs_toolkit OFF)
if(TIERPAGER_HAS_CUDA AND NOT BUILD_SHARED_LIBS)
  set(tierpager_needs_toolkit ON)
endif()
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/tierpagerConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/tierpagerConfig.cmake" INSTALL_DESTINATION "${tierpager_cmake_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tierpagerConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/tierpagerConfig.cmake" "${PROJECT_BINARY_DIR}/tierpagerConfigVersion.cmake"
  DESTINATION "${tierpager_cmake_dir}" COMPONENT development)
install(EXPORT tierpagerTargets NAMESPACE tierpager:: DESTINATION "${tierpager_cmake_dir}" COMPONENT development)

# ---- pkg-config

set(tierpager_pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH tierpager_prefix_from_pc "/${tierpager_pc_dir}" "/")
string(REGEX REPLACE "/$" "" tierpager_prefix_from_pc "${tierpager_prefix_from_pc}")
set(tierpager_pc_libraries "-ltierpager")
set(tierpager_pc_requirements "")  # of archives, which bring nothing themselves
if(NOT BUILD_SHARED_LIBS)
  set(tierpager_pc_libraries "-ltierpager_host -ltierpager_cuda -ltierpager_core")
  if(TIERPAGER_HAS_CUDA)
    get_filename_component(tierpager_cudart_dir "${CUDA_cudart_LIBRARY}" DIRECTORY)
    set(tierpager_cudart_names "-lcudart_static")
    if(TIERPAGER_CUDART STREQUAL "shared")
      set(tierpager_cudart_names "-lcudart")
    endif()
    string(APPEND tierpager_pc_requirements " -L${tierpager_cudart_dir} ${tierpager_cudart_names}")
  endif()
  string(APPEND tierpager_pc_requirements " -pthread -ldl -lrt")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/tierpager.pc.in" "${PROJECT_BINARY_DIR}/tierpager.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tierpager.pc" DESTINATION "${tierpager_pc_dir}" COMPONENT development)
