# TIERPAGER_SELF_CONTAINED: programs that need nothing but the C library, to be run on machines that lack the rest.
option(TIERPAGER_SELF_CONTAINED "Link programs with all they need but the C library" OFF)
set(tierpager_fmt fmt::fmt)
if(TIERPAGER_SELF_CONTAINED)
  add_link_options(-static-libstdc++ -static-libgcc)
  set(tierpager_fmt fmt::fmt-header-only)
endif()
