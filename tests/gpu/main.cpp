// Runs the tests that need a GPU; where there is none, says so in the words by which ctest knows a skipped test.
#include <gtest/gtest.h>

#include <cstdio>

#include <tierpager/device.hpp>

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  auto const opened = tierpager::open_cuda_device(0);
  bool const no_gpu = !opened.ok() && opened.error().code == tierpager::errc::unsupported;
  if (no_gpu && !testing::GTEST_FLAG(list_tests)) {
    std::printf("[  SKIPPED ] %s\n", opened.error().what.c_str());
    return 0;
  }
  return RUN_ALL_TESTS();
}
