# What lies in an archive may become a part of a shared library, ours or that of somebody else: position-independent, and seen
# from outside only where the public headers say so (<tierpager/export.hpp>).
function(tierpager_hide_symbols target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
    CUDA_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()
