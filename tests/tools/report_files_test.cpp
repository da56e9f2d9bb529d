// Nothing of the user's is overwritten by surprise: every output option of every command against every input, by each of
// its names; two outputs on one file; and outputs that cannot be.
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

struct command_of {
  std::string name;
  std::vector<std::string> outputs;
  std::vector<std::string> budgets;
};

std::vector<command_of> const commands{
    {"inspect", {"--json"}, {}},
    {"run", {"--json", "--trace", "--events"}, {"--device", "host", "--vram", "1MiB", "--ram", "1MiB"}},
    {"plan", {"--json", "--events"}, {"--vram", "1MiB", "--ram", "1MiB"}}};

class an_output : public testing::Test {
 protected:
  an_output() {
    make_model({"--equal", "4", "--bytes", "4096", path("one.safetensors")});
    make_model({"--format", "gguf", "--layers", "1", "--hidden", "64", "--ffn", "64", "--vocab", "64", "--heads", "1",
                "--kv-heads", "1", path("other.gguf")});
    write_file(path("config.json"), "{}");
    write_file(path("order"), "tensor.0\n");
    write_file(path("data.bin"), std::string(4096, 'd'));
    write_file(path("raw.json"), R"({"tensors": [{"name": "t", "file": "data.bin", "offset": 0, "bytes": 4096,
                                     "dtype": "U8", "shape": [4096]}]})");
    fs::create_directory(path("sharded"));
    make_model({"--equal", "4", "--bytes", "4096", path("sharded/model-00001-of-00001.safetensors")});
    write_file(path("sharded/config.json"), "{}");
    write_file(path("sharded/model.safetensors.index.json"),
               R"({"weight_map": {"tensor.0": "model-00001-of-00001.safetensors",
                                  "tensor.1": "model-00001-of-00001.safetensors",
                                  "tensor.2": "model-00001-of-00001.safetensors",
                                  "tensor.3": "model-00001-of-00001.safetensors"}})");
  }

  [[nodiscard]] std::string path(std::string const& name) const { return files_.path(name); }

  // All files, those in folders too, with what is in them and where links lead.
  [[nodiscard]] std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> all;
    for (auto const& entry : fs::recursive_directory_iterator(path("."))) {
      if (entry.is_symlink())
        all[entry.path().string()] = "-> " + fs::read_symlink(entry.path()).string();
      else if (entry.is_regular_file())
        all[entry.path().string()] = read_file(entry.path().string());
    }
    return all;
  }

  void expect_refusal(std::vector<std::string> const& arguments, std::vector<std::string> const& words) const {
    auto const before = contents();
    outcome const ended = tierpager_command(arguments);
    std::string const all = testing::PrintToString(arguments);
    EXPECT_EQ(ended.exit_code, 1) << all;
    EXPECT_EQ(ended.output, "") << all;
    EXPECT_THAT(ended.errors, StartsWith("tierpager: error: ")) << all;
    EXPECT_EQ(std::count(ended.errors.begin(), ended.errors.end(), '\n'), 1) << ended.errors;
    for (std::string const& word : words) EXPECT_THAT(ended.errors, HasSubstr(word)) << all;
    EXPECT_TRUE(contents() == before) << all;
  }

  scratch_directory files_;
};

TEST_F(an_output, is_no_input_by_any_of_its_names) {
  struct reading {
    std::string model;
    std::vector<std::string> inputs;
  };
  std::vector<reading> const readings{
      {"one.safetensors", {"one.safetensors", "config.json", "order"}},
      {"other.gguf", {"other.gguf", "config.json"}},
      {"raw.json", {"raw.json", "data.bin", "config.json"}},
      {"sharded",
       {"sharded/model-00001-of-00001.safetensors", "sharded/model.safetensors.index.json", "sharded/config.json"}},
      {"sharded/model.safetensors.index.json", {"sharded/model-00001-of-00001.safetensors", "sharded/config.json"}}};
  fs::create_symlink(path("sharded"), path("folder"));
  for (command_of const& command : commands) {
    for (reading const& each : readings) {
      for (std::string const& input : each.inputs) {
        bool const of_order = input == "order";
        if (of_order && command.name == "inspect") continue;
        fs::create_symlink(path(input), path("soft"));
        fs::create_symlink("soft", path("softer"));
        fs::create_hard_link(path(input), path("hard"));
        std::vector<std::string> names{path(input), path("./" + input), path("softer"), path("hard")};
        if (input.starts_with("sharded/")) names.push_back(path("folder/" + input.substr(8)));
        for (std::string const& option : command.outputs) {
          for (std::string const& name : names) {
            std::vector<std::string> arguments{command.name, path(each.model), option, name};
            arguments.insert(arguments.end(), command.budgets.begin(), command.budgets.end());
            if (of_order) arguments.insert(arguments.end(), {"--order", path("order")});
            expect_refusal(arguments, {name, option, "would overwrite"});
          }
        }
        for (std::string const link : {"soft", "softer", "hard"}) fs::remove(path(link));
      }
    }
  }
}

TEST_F(an_output, is_no_file_that_a_manifest_speaks_of_and_nobody_has) {
  write_file(path("planned.json"), R"({"tensors": [{"name": "t", "file": "absent.bin", "offset": 0, "bytes": 4096,
                                       "dtype": "U8", "shape": [4096]}]})");
  expect_refusal({"plan", path("planned.json"), "--vram", "1MiB", "--ram", "1MiB", "--json", path("absent.bin")},
                 {"absent.bin"});
}

// A user who takes --json for a flag has the shell name several models behind it.
TEST_F(an_output, is_no_model_though_none_that_is_read) {
  for (std::string const model : {"other.gguf", "raw.json", "sharded/model.safetensors.index.json"})
    expect_refusal({"inspect", "--json", path(model), path("one.safetensors")}, {model, "--json"});
}

TEST_F(an_output, is_no_input_and_no_model_that_the_shell_has_opened) {
  auto const before = contents();
  for (std::string const open : {"3<>", "3>>"}) {
    for (std::string const model : {"one.safetensors", "other.gguf"}) {
      running_command shell("/bin/sh", {"-c", "exec \"$0\" inspect \"$1\" --json /dev/fd/3 " + open + " \"$2\"",
                                        tierpager_path(), path("one.safetensors"), path(model)});
      outcome const ended = shell.wait();
      EXPECT_EQ(ended.exit_code, 1);
      EXPECT_THAT(ended.errors, HasSubstr("would overwrite"));
      EXPECT_TRUE(contents() == before);
    }
  }
}

TEST_F(an_output, may_be_an_earlier_report) {
  for (command_of const& command : commands) {
    std::vector<std::string> arguments{command.name, path("one.safetensors")};
    arguments.insert(arguments.end(), command.budgets.begin(), command.budgets.end());
    for (std::string const& option : command.outputs) arguments.insert(arguments.end(), {option, path("r" + option)});
    for (int times = 0; times < 2; ++times) {
      outcome const ended = tierpager_command(arguments);
      EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    }
  }
}

TEST_F(an_output, is_one_file_for_each_option) {
  write_file(path("there"), "");
  fs::create_symlink("there", path("soft"));
  fs::create_hard_link(path("there"), path("hard"));
  fs::create_symlink("new", path("dangling"));
  std::vector<std::pair<std::string, std::string>> const pairs{
      {path("new"), path("new")},   {path("new"), path("./new")},    {path("there"), path("soft")},
      {path("hard"), path("soft")}, {path("dangling"), path("new")}, {"-", "/dev/stdout"},
      {"/dev/stdout", "/dev/fd/1"}};
  for (auto const& [one, other] : pairs)
    expect_refusal({"run", path("one.safetensors"), "--device", "host", "--json", one, "--trace", other},
                   {"--json", "--trace"});
  EXPECT_EQ(tierpager_command({"run", path("one.safetensors"), "--device", "host", "--json", "/dev/null", "--trace",
                               "/dev/null", "--events", "/dev/null"})
                .exit_code,
            0);
}

TEST_F(an_output, is_not_where_the_text_goes) {
  running_command command(tierpager_path(),
                          {"run", path("one.safetensors"), "--device", "host", "--json", path("both")}, path("both"));
  outcome const ended = command.wait();
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.errors, HasSubstr("standard output"));
}

TEST_F(an_output, cannot_be_a_folder_or_lie_in_none) {
  for (command_of const& command : commands) {
    for (std::string const& option : command.outputs) {
      for (std::string const& name : {path("no/such/folder"), path("sharded"), path("."), path("new/")}) {
        std::vector<std::string> arguments{command.name, path("one.safetensors"), option, name};
        arguments.insert(arguments.end(), command.budgets.begin(), command.budgets.end());
        expect_refusal(arguments, {name});
      }
    }
  }
}

TEST_F(an_output, is_whole_though_another_run_writes_the_same_file) {
  std::vector<std::string> arguments{
      "run", path("one.safetensors"), "--device", "host", "--json", path("same"), "--passes", "20"};
  std::vector<std::unique_ptr<running_command>> runs;
  for (int i = 0; i < 4; ++i) runs.push_back(std::make_unique<running_command>(tierpager_path(), arguments));
  for (auto const& each : runs) EXPECT_EQ(each->wait().exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(read_file(path("same")))["passes"].size(), 20U);
}

TEST_F(an_output, leaves_the_users_own_files_alone) {
  write_file(path("report.partial"), "precious");
  EXPECT_EQ(tierpager_command({"inspect", path("one.safetensors"), "--json", path("report")}).exit_code, 0);
  EXPECT_EQ(read_file(path("report.partial")), "precious");
}

TEST_F(an_output, through_a_descriptor_is_appended_where_the_shell_says_so) {
  std::string const script = "\"$0\" run \"$1\" --device host \"$2\" /dev/stdout >> \"$3\"";
  for (std::string const option : {"--json", "--trace", "--events"}) {
    write_file(path("log"), "last week\n");
    running_command shell("/bin/sh", {"-c", script, tierpager_path(), path("one.safetensors"), option, path("log")});
    ASSERT_EQ(shell.wait().exit_code, 0);
    std::string const log = read_file(path("log"));
    EXPECT_THAT(log, StartsWith("last week\n"));
    EXPECT_GT(log.size(), 20U);
    EXPECT_THAT(log, testing::Not(HasSubstr("tensors, ")));  // the text would make it unreadable
  }
}

}  // namespace
}  // namespace tierpager::tests
