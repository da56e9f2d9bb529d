# TIERPAGER_SANITIZE=address,undefined (or thread) instruments every target of the build; the first finding ends the
# program. Set for the whole tree, since code compiled with and without a sanitizer does not mix.
set(TIERPAGER_SANITIZE "" CACHE STRING "Sanitizers to build with, as the compiler spells them: address,undefined or thread")
if(TIERPAGER_SANITIZE)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${TIERPAGER_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
  # g++ 12 takes moved std::variants for uninitialised once they are instrumented.
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized>)
  add_link_options(-fsanitize=${TIERPAGER_SANITIZE})
endif()
