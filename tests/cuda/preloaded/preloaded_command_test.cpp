// `tierpager --device cuda` on a machine without a GPU: the real command and the real CUDA device, linked with the shared
// runtime, the stand-in preloaded. It ends the program with 97 where it saw a race, a leak or misuse.
#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

using json = nlohmann::ordered_json;
using testing::HasSubstr;

constexpr std::uint64_t mebibyte = 1U << 20U;
constexpr std::uint64_t tensors = 12;
constexpr std::uint64_t tensor_bytes = 2 * mebibyte;  // a granule of VRAM

class a_preloaded_command : public testing::Test {
 protected:
  a_preloaded_command() {
    make_model({"--equal", std::to_string(tensors), "--bytes", std::to_string(tensor_bytes), model_});
    set("LD_PRELOAD", TIERPAGER_PRELOAD_STANDIN);
    set("TIERPAGER_STANDIN_VRAM_BYTES", std::to_string(1024 * mebibyte));
  }
  ~a_preloaded_command() override {
    for (std::string const& name : set_) ::unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
  }

  void set(std::string const& name, std::string const& value) {
    ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
    set_.push_back(name);
  }
  json report(std::vector<std::string> const& options, std::string const& warning = "") const {
    std::vector<std::string> arguments{"run", model_, "--verify", "--json", "-"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    outcome const ran = tierpager_command(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
    EXPECT_EQ(ran.errors, warning);
    return ran.exit_code == 0 ? json::parse(ran.output) : json();
  }

  scratch_directory files_;
  std::string model_ = files_.path("model.safetensors");
  std::vector<std::string> set_;
};

TEST_F(a_preloaded_command, pages_and_verifies_a_model_on_the_cuda_device) {
  for (std::string const ram : {"unlimited", "8MiB", "0"}) {
    json const all = report({"--device", "cuda", "--vram", "8MiB", "--ram", ram, "--passes", "3"});
    EXPECT_EQ(all["device"], "cuda");
    EXPECT_EQ(all["verify"]["checked"], 3 * tensors);
    EXPECT_EQ(all["verify"]["mismatches"], 0);
    EXPECT_LE(all["peak"]["vram"].get<std::uint64_t>(), 8 * mebibyte);
    if (ram != "unlimited") {
      EXPECT_LE(all["peak"]["ram"], all["budget"]["ram_effective"]);
    }
  }
}

TEST_F(a_preloaded_command, counts_what_the_host_device_counts) {
  json const cuda = report({"--device", "cuda", "--vram", "8MiB", "--ram", "21MiB", "--policy", "lru"});
  json const host = report({"--device", "host", "--vram", "8MiB", "--ram", "21MiB", "--policy", "lru"});
  for (std::size_t pass = 0; pass < cuda["passes"].size(); ++pass)
    for (auto const& [key, value] : cuda["passes"][pass].items()) {
      if (key.ends_with("seconds")) continue;
      EXPECT_EQ(value, host["passes"][pass][key]) << key << " of pass " << pass;
    }
}

// Of a model whose tensors share granules: what `plan` says, and what the host device does, is what the CUDA device does.
TEST_F(a_preloaded_command, moves_what_plan_says) {
  std::string const model = files_.path("layers.gguf");
  make_model({"--format", "gguf", "--layers", "6", "--hidden", "512", "--ffn", "1408", "--vocab", "4000", "--heads",
              "8", "--kv-heads", "2", model});
  for (std::string const vram : {"18000000", "60%", "80%"})
    for (std::string const policy : {"auto", "lru"}) {
      std::vector<std::string> const options{model,  "--vram",   vram, "--ram",  "60%", "--policy",
                                             policy, "--passes", "6",  "--json", "-"};
      auto const passes_of = [&](std::string const& command, std::vector<std::string> const& more) {
        std::vector<std::string> arguments{command};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), more.begin(), more.end());
        outcome const ended = tierpager_command(arguments);
        EXPECT_EQ(ended.exit_code, 0) << ended.errors;
        json const all = ended.exit_code == 0 ? json::parse(ended.output) : json();
        json passes = command == "plan" ? all["policies"][policy]["passes"] : all["passes"];
        for (json& pass : passes)
          for (std::string const timed : {"seconds", "stall_seconds", "vram_evictions", "ram_evictions"})
            pass.erase(timed);
        return passes;
      };
      json const planned = passes_of("plan", {});
      EXPECT_EQ(passes_of("run", {"--device", "cuda"}), planned) << vram << " " << policy;
      EXPECT_EQ(passes_of("run", {"--device", "host"}), planned) << vram << " " << policy;
    }
}

TEST_F(a_preloaded_command, is_what_auto_takes_and_has_as_many_devices_as_there_are) {
  EXPECT_EQ(report({"--device", "auto", "--vram", "8MiB", "--ram", "8MiB"})["device"], "cuda");
  set("TIERPAGER_STANDIN_DEVICES", "2");
  EXPECT_EQ(report({"--device", "cuda:1", "--vram", "8MiB", "--ram", "8MiB"})["device"], "cuda");
  outcome const third = tierpager_command({"verify", model_, "--device", "cuda:2"});
  EXPECT_EQ(third.exit_code, 1);
  EXPECT_THAT(third.errors, HasSubstr("2"));
}

TEST_F(a_preloaded_command, says_that_there_is_no_gpu_and_auto_goes_on_without) {
  set("TIERPAGER_STANDIN_DEVICES", "0");
  outcome const insisted = tierpager_command({"verify", model_, "--device", "cuda"});
  EXPECT_EQ(insisted.exit_code, 1);
  EXPECT_THAT(insisted.errors, HasSubstr("no GPU"));
  std::string const warned =
      "tierpager: warning: device auto: there is no CUDA device to use (CUDA device 0: no GPU: cudaErrorNoDevice): the "
      "host device is used, whose VRAM is a part of RAM; --device host (device_kind::host) asks for it\n";
  EXPECT_EQ(report({"--device", "auto", "--vram", "8MiB", "--ram", "8MiB"}, warned)["device"], "host");
}

TEST_F(a_preloaded_command, does_not_take_a_gpu_that_fails_for_none) {
  set("TIERPAGER_STANDIN_FAIL", "cudaStreamCreateWithFlags:1:once");
  outcome const failed = tierpager_command({"verify", model_, "--device", "auto"});
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.errors, HasSubstr("cudaStreamCreateWithFlags"));
}

TEST_F(a_preloaded_command, makes_do_with_less_memory_than_its_budget) {
  set("TIERPAGER_STANDIN_VRAM_BYTES", std::to_string(11 * mebibyte));
  json const all =
      report({"--device", "cuda", "--vram", "20MiB", "--ram", "unlimited"},
             "tierpager: warning: vram: the system gives no more than 10485760 bytes; the effective budget is now "
             "10485760\n");
  EXPECT_EQ(all["verify"]["mismatches"], 0);
  EXPECT_EQ(all["budget"]["vram"], 20 * mebibyte);
  EXPECT_LE(all["peak"]["vram"].get<std::uint64_t>(), 11 * mebibyte);
}

TEST_F(a_preloaded_command, works_without_virtual_memory_management) {
  set("TIERPAGER_STANDIN_VMM", "0");
  json const all = report({"--device", "cuda", "--vram", "9MiB", "--ram", "8MiB"});
  EXPECT_EQ(all["verify"]["mismatches"], 0);
  EXPECT_EQ(all["passes"].size(), 2U);
}

TEST_F(a_preloaded_command, says_in_one_line_which_call_failed) {
  for (std::string const call : {"cudaMemcpyAsync", "cuMemMap", "cudaHostRegister", "cudaStreamWaitEvent"}) {
    set("TIERPAGER_STANDIN_FAIL", call + ":2:for_ever");
    outcome const ran = tierpager_command({"verify", model_, "--device", "cuda", "--ram", "8MiB"});
    EXPECT_EQ(ran.exit_code, 1) << call << ": " << ran.errors;
    EXPECT_THAT(ran.errors, HasSubstr(call));
    EXPECT_EQ(std::ranges::count(ran.errors, '\n'), 1) << ran.errors;
  }
}

TEST_F(a_preloaded_command, ends_in_order_whatever_call_fails) {
  for (std::string const lasting : {"once", "for_ever", "sticky"}) {
    if (lasting == "once") set("LD_PRELOAD", TIERPAGER_PRELOAD_SHIM ":" TIERPAGER_PRELOAD_STANDIN);
    if (lasting == "for_ever") set("LD_PRELOAD", TIERPAGER_PRELOAD_STANDIN);
    for (std::uint64_t n = 1; n < 400; n += 7 + n / 4) {
      set("TIERPAGER_STANDIN_FAIL", "any:" + std::to_string(n) + ":" + lasting);
      outcome const ran = tierpager_command({"verify", model_, "--device", "cuda"});
      EXPECT_TRUE(ran.exit_code == 0 || ran.exit_code == 1) << lasting << " at " << n << ": " << ran.exit_code;
      EXPECT_LE(std::ranges::count(ran.errors, '\n'), 1) << ran.errors;
    }
  }
}

}  // namespace
}  // namespace tierpager::tests
