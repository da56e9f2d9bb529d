# Every public header compiles alone: one translation unit each, in an object library that nothing links.
file(GLOB tierpager_public_headers RELATIVE "${PROJECT_SOURCE_DIR}" CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/core/include/tierpager/*.hpp" "${PROJECT_SOURCE_DIR}/cuda/include/tierpager/*.hpp"
  "${PROJECT_SOURCE_DIR}/host/include/tierpager/*.hpp")
set(tierpager_header_units "")
foreach(header IN LISTS tierpager_public_headers)
  get_filename_component(name "${header}" NAME_WE)
  set(unit "${CMAKE_CURRENT_BINARY_DIR}/header_checks/${name}.cpp")
  file(CONFIGURE OUTPUT "${unit}" CONTENT "#include <tierpager/${name}.hpp>\n")
  list(APPEND tierpager_header_units "${unit}")
endforeach()
add_library(header_checks OBJECT ${tierpager_header_units})
target_link_libraries(header_checks PRIVATE tierpager::host tierpager::cuda tierpager_thrust_cpp)
tierpager_warnings(header_checks)
