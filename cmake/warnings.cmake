# Warnings of our own targets. They are errors in our own presets only: others have compilers that nobody here tried.
function(tierpager_warnings target)
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wsign-conversion;-Wshadow>"
    $<$<AND:$<BOOL:${TIERPAGER_WARNINGS_AS_ERRORS}>,$<COMPILE_LANGUAGE:CXX>>:-Werror>
    $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wthread-safety>)
  # Asserts guard against programmer errors and stay on in every build.
  target_compile_options(${target} PRIVATE -UNDEBUG)
endfunction()

# What plays tens of thousands of schedules is optimised a little in debug builds too.
function(tierpager_optimise_always target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Debug>:-O1>)
endfunction()
