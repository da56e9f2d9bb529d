// The stand-in and the failing shim, preloaded under a program that is linked with the shared runtime.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace tierpager::cuda_standin {
namespace {

struct outcome {
  int status = -1;
  std::string said;
};

outcome run(std::string const& environment, std::string const& argument) {
  std::string const command = environment + " " TIERPAGER_PRELOAD_PROGRAM " " + argument + " 2>&1";
  outcome result;
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) result.said.push_back(static_cast<char>(c));
  int const status = pclose(pipe);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

std::string const standin = "LD_PRELOAD=" TIERPAGER_PRELOAD_STANDIN;
std::string const shim_over_standin = "LD_PRELOAD=" TIERPAGER_PRELOAD_SHIM ":" TIERPAGER_PRELOAD_STANDIN;

TEST(preloaded_standin, gives_a_program_a_device_and_says_nothing_where_all_is_well) {
  outcome const result = run(standin, "copy");
  EXPECT_EQ(result.status, 0) << result.said;
  EXPECT_EQ(result.said, "");
}

TEST(preloaded_standin, lets_a_program_with_kernels_load) { EXPECT_EQ(run(standin, "kernels").status, 0); }

TEST(preloaded_standin, fails_a_program_that_leaks_a_stream) {
  outcome const result = run(standin, "leak");
  EXPECT_EQ(result.status, 97);
  EXPECT_NE(result.said.find("leaked: 1 streams"), std::string::npos) << result.said;
}

TEST(preloaded_standin, fails_a_program_that_races) {
  outcome const result = run(standin, "race");
  EXPECT_EQ(result.status, 97);
  EXPECT_NE(result.said.find("race: cudaMemcpyAsync"), std::string::npos) << result.said;
}

TEST(preloaded_standin, takes_its_faults_from_the_environment) {
  outcome const result = run(standin + " TIERPAGER_STANDIN_FAIL=cudaMalloc:1:once:2", "copy");
  EXPECT_NE(result.said.find("last error cudaErrorMemoryAllocation"), std::string::npos) << result.said;
}

TEST(preloaded_standin, takes_the_size_of_its_memory_from_the_environment) {
  EXPECT_NE(run(standin + " TIERPAGER_STANDIN_VRAM_BYTES=4095", "copy").said.find("cudaErrorMemoryAllocation"),
            std::string::npos);
}

TEST(failing_shim, fails_the_call_that_the_environment_names) {
  outcome const result = run(shim_over_standin + " TIERPAGER_STANDIN_FAIL=cudaMemcpyAsync:2:once:700", "copy");
  EXPECT_NE(result.said.find("last error cudaErrorIllegalAddress"), std::string::npos) << result.said;
  EXPECT_NE(result.said.find("leaked: 1 streams"), std::string::npos) << result.said;
}

TEST(failing_shim, passes_all_on_without_a_plan) { EXPECT_EQ(run(shim_over_standin, "copy").status, 0); }

TEST(failing_shim, fails_calls_of_a_runtime_without_a_driver_too) {
  EXPECT_EQ(run("LD_PRELOAD=" TIERPAGER_PRELOAD_SHIM, "copy").status, run("", "copy").status);
}

}  // namespace
}  // namespace tierpager::cuda_standin
