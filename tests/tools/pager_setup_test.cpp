// What every command that pages does with budgets and warnings, seen from outside.
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

using json = nlohmann::json;
using testing::HasSubstr;

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

}  // namespace
}  // namespace tierpager::tests
