# Installs BUILD and moves the tree to TO. Usage: cmake -DBUILD=... -DTO=... -DCONFIG=... -P install_and_move.cmake
file(REMOVE_RECURSE "${TO}" "${TO}.first")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${TO}.first" --config "${CONFIG}"
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME "${TO}.first" "${TO}")
foreach(file IN ITEMS bin/tierpager include/tierpager/pager.hpp share/doc/tierpager/LICENSE)
  if(NOT EXISTS "${TO}/${file}")
    message(FATAL_ERROR "the installed tree has no ${file}")
  endif()
endforeach()
