# Compiles through ccache where it is installed and the user chose no launcher. What is compiled with a precompiled header is
# kept only if ccache need not know of __TIME__ in that header, nor of macros that it overlooks there.
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(TIERPAGER_CCACHE ccache)
  mark_as_advanced(TIERPAGER_CCACHE)
  if(TIERPAGER_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${TIERPAGER_CCACHE}")
    set(CMAKE_CUDA_COMPILER_LAUNCHER "${TIERPAGER_CCACHE}")
  endif()
endif()
