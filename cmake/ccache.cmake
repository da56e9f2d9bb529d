# Compiles through ccache where it is installed and the user chose no launcher.
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(TIERPAGER_CCACHE ccache)
  mark_as_advanced(TIERPAGER_CCACHE)
  if(TIERPAGER_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${TIERPAGER_CCACHE}")
    set(CMAKE_CUDA_COMPILER_LAUNCHER "${TIERPAGER_CCACHE}")
  endif()
endif()
