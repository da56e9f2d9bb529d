# GoogleTest's headers are half of what most tests take to compile, so they are compiled once. The tests include them all the
# same: a build with CMAKE_DISABLE_PRECOMPILE_HEADERS is as good, and only slower.
file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/gtest_headers.cpp" CONTENT "// What a library has to have.\n")
add_library(gtest_headers OBJECT EXCLUDE_FROM_ALL "${CMAKE_CURRENT_BINARY_DIR}/gtest_headers.cpp")
target_compile_features(gtest_headers PRIVATE cxx_std_20)
target_link_libraries(gtest_headers PRIVATE GTest::gmock)
target_precompile_headers(gtest_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
# So that ccache knows the same header when it sees it again.
target_compile_options(gtest_headers PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>)
tierpager_warnings(gtest_headers)
