// What every command that pages does with budgets and warnings, seen from outside.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <sys/resource.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

using json = nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A variable of the environment, while it lives.
class environment_variable {
 public:
  environment_variable(char const* name, std::string const& value) : name_(name) {
    EXPECT_EQ(::setenv(name, value.c_str(), 1), 0);
  }
  environment_variable(environment_variable const&) = delete;
  environment_variable& operator=(environment_variable const&) = delete;
  ~environment_variable() { ::unsetenv(name_); }

 private:
  char const* name_;
};

class a_paging_command : public testing::Test {
 protected:
  a_paging_command() {
    make_model({"--format", "gguf", "--layers", "3", "--hidden", "128", "--ffn", "352", "--vocab", "500", "--heads",
                "4", "--kv-heads", "2", model_});
  }

  outcome run(std::string const& command, std::vector<std::string> const& options) const {
    std::vector<std::string> arguments{command, model_};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return tierpager_command(arguments);
  }

  /// Which budgets bound, and what each pass moved.
  json report(std::string const& command, std::vector<std::string> options) const {
    if (command == "run") options.insert(options.end(), {"--device", "host"});
    options.insert(options.end(), {"--json", "-"});
    outcome const ran = run(command, options);
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
    if (ran.exit_code != 0) return {};
    json const all = json::parse(ran.output);
    json shown{{"budget", all["budget"]}, {"passes", json::array()}};
    for (json const& pass : command == "run" ? all["passes"] : all["policies"]["auto"]["passes"])
      for (char const* const key : {"vram_hits", "ram_hits", "disk_reads", "bytes_to_device", "bytes_from_disk"})
        shown["passes"].push_back(pass[key]);
    return shown;
  }

  scratch_directory files_;
  std::string model_ = files_.path("small.gguf");
};

TEST_F(a_paging_command, takes_a_budget_from_the_environment_as_from_the_command_line) {
  for (std::string const command : {"run", "plan"}) {
    for (std::string const size : {"none", "NONE", "40%", "1MiB", "unlimited"}) {
      SCOPED_TRACE(command + " " + size);
      json const given_vram = report(command, {"--vram", size, "--ram", "50%"});
      json const given_ram = report(command, {"--vram", "50%", "--ram", size});
      environment_variable const vram("TIERPAGER_VRAM", size);
      EXPECT_EQ(report(command, {"--ram", "50%"}), given_vram);
      EXPECT_EQ(report(command, {"--vram", "auto", "--ram", "50%"}), given_vram);
      environment_variable const ram("TIERPAGER_RAM", size);
      EXPECT_EQ(report(command, {"--vram", "50%"}), given_ram);
    }
  }
}

TEST_F(a_paging_command, names_the_variable_that_is_no_budget) {
  environment_variable const ram("TIERPAGER_RAM", "lots");
  for (std::string const command : {"run", "plan"}) {
    outcome const ran = run(command, {"--vram", "50%"});
    EXPECT_EQ(ran.exit_code, 1) << command;
    EXPECT_THAT(ran.errors, HasSubstr("TIERPAGER_RAM: budget 'lots'")) << command;
  }
}

std::size_t lines_of(std::string const& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

TEST_F(a_paging_command, says_once_that_auto_took_the_host_device_and_why) {
  for (std::string const command : {"run", "verify"}) {
    outcome const ran = run(command, {});
    EXPECT_EQ(ran.exit_code, 0);
    if (ran.output.find("host device") == std::string::npos) continue;  // there is a GPU
    EXPECT_THAT(ran.errors, StartsWith("tierpager: warning: device auto: there is no CUDA device to use (")) << command;
    EXPECT_EQ(lines_of(ran.errors), 1U) << ran.errors;
    EXPECT_EQ(run(command, {"--device", "host"}).errors, "") << command;
  }
}

TEST_F(a_paging_command, says_what_a_pin_covers) {
  for (std::string const command : {"run", "plan"}) {
    std::vector<std::string> options{"--vram", "100%", "--ram", "100%", "--pin-vram", "last:99", "--pin-ram", "output"};
    if (command == "run") options.insert(options.end(), {"--device", "host"});
    outcome const ran = run(command, options);
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_EQ(ran.errors, "tierpager: warning: vram pin 'last:99': there are 3 layers, of which it covers 3\n");
  }
}

TEST_F(a_paging_command, says_which_tensor_exceeds_the_budget_though_nothing_asked_for_it) {
  write_file(files_.path("order"), "blk.0.attn_norm.weight\n");
  outcome const ran =
      run("run", {"--device", "host", "--vram", "64KiB", "--ram", "50%", "--order", files_.path("order")});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.errors, AllOf(StartsWith("tierpager: warning: tensor '"), HasSubstr("--slice '")));
  EXPECT_EQ(lines_of(ran.errors), 1U);
}

TEST_F(a_paging_command, says_nothing_but_the_error_where_it_fails) {
  outcome const ran = run("run", {"--vram", "4KiB", "--ram", "50%"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.errors, StartsWith("tierpager: error: "));
  EXPECT_EQ(lines_of(ran.errors), 1U);
}

TEST_F(a_paging_command, says_why_ram_is_not_page_locked) {
  std::string const setpriv = "/usr/bin/setpriv";
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &before), 0);
  rlimit const little{.rlim_cur = 65536, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &little), 0);
  std::vector<std::string> arguments{"run", model_, "--device", "host", "--vram", "50%", "--ram", "100%"};
  std::string program = tierpager_path();
  if (::geteuid() == 0) {  // whom the limit does not bind
    if (!std::filesystem::exists(setpriv)) GTEST_SKIP() << "root, and no setpriv";
    arguments.insert(arguments.begin(), {"--bounding-set", "-ipc_lock", program});
    program = setpriv;
  }
  outcome const ran = running_command(program, arguments).wait();
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &before), 0);
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_THAT(ran.errors, AllOf(StartsWith("tierpager: warning: ram: not page-locked"),
                                HasSubstr("RLIMIT_MEMLOCK allows 64.0 KiB (65536 bytes): raise it with 'ulimit -l ")));
  EXPECT_EQ(lines_of(ran.errors), 1U);
}

}  // namespace
}  // namespace tierpager::tests
