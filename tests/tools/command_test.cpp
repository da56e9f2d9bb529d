// What the command answers to good and bad usage: exit codes, one line on standard error, no half-written file.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

void expect_failure(outcome const& ended, int exit_code, std::string const& words) {
  EXPECT_EQ(ended.exit_code, exit_code);
  EXPECT_EQ(ended.output, "");
  EXPECT_THAT(ended.errors, StartsWith("tierpager: error: "));
  EXPECT_THAT(ended.errors, HasSubstr(words));
  EXPECT_EQ(std::ranges::count(ended.errors, '\n'), 1) << ended.errors;
  EXPECT_TRUE(ended.errors.ends_with('\n'));
}

class tool : public testing::Test {
 protected:
  tool() { make_model({"--equal", "8", "--bytes", "16384", model_}); }

  scratch_directory files_;
  std::string model_ = files_.path("equal.safetensors");
};

TEST_F(tool, says_what_it_can_do_and_exits_with_0) {
  outcome const help = tierpager_command({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (std::string const name : {"inspect", "run", "plan", "verify"}) EXPECT_THAT(help.output, HasSubstr(name));
  EXPECT_EQ(help.errors, "");
  outcome const run_help = tierpager_command({"run", "--help"});
  EXPECT_EQ(run_help.exit_code, 0);
  for (std::string const name :
       {"--vram", "--ram", "--device", "--policy", "--passes", "--order", "--pin-vram", "--pin-ram", "--slice",
        "--source", "--verify", "--json", "--trace", "--link", "--disk", "--compute"}) {
    EXPECT_THAT(run_help.output, HasSubstr(name));
  }
}

TEST_F(tool, exits_with_2_on_wrong_usage) {
  expect_failure(tierpager_command({}), 2, "subcommand");
  expect_failure(tierpager_command({"fly"}), 2, "fly");
  expect_failure(tierpager_command({"run"}), 2, "MODEL");
  expect_failure(tierpager_command({"run", model_, "--fast"}), 2, "--fast");
  expect_failure(tierpager_command({"run", model_, "--vram", "6 apples"}), 2, "6 apples");
  expect_failure(tierpager_command({"run", model_, "--ram", "-1"}), 2, "--ram");
  expect_failure(tierpager_command({"run", model_, "--passes", "0"}), 2, "--passes");
  expect_failure(tierpager_command({"run", model_, "--passes", "many"}), 2, "--passes");
  expect_failure(tierpager_command({"run", model_, "--device", "abacus"}), 2, "abacus");
  for (std::string const wrong : {"cuda:", "cuda:x", "cuda:-1", "cuda:1x"})
    expect_failure(tierpager_command({"run", model_, "--device", wrong}), 2, "'" + wrong + "'");
  expect_failure(tierpager_command({"run", model_, "--source", "post"}), 2, "post");
  expect_failure(tierpager_command({"run", model_, "--policy", "guess"}), 2, "guess");
  expect_failure(tierpager_command({"run", model_, "--vram"}), 2, "--vram");
  expect_failure(tierpager_command({"run", model_, "--device", "host", "--link", "-1"}), 2, "--link");
  expect_failure(tierpager_command({"run", model_, "--trace", "-"}), 2, "--trace");
  expect_failure(tierpager_command({"run", model_, "--json", ""}), 2, "--json");
  expect_failure(tierpager_command({"run", model_, "--order", ""}), 2, "--order");
  expect_failure(tierpager_command({"verify", model_, "--ram", "lots"}), 2, "lots");
  for (std::string const option : {"--link", "--disk", "--compute", "--target"})
    for (std::string const wrong : {"nan", "inf", "0x10", "1e999"})
      expect_failure(tierpager_command({"plan", model_, "--vram", "1MiB", option, wrong}), 2, "'" + wrong + "'");
}

TEST_F(tool, exits_with_1_and_names_the_file_that_is_missing_or_malformed) {
  std::string const absent = files_.path("absent.gguf");
  for (std::string const name : {"inspect", "run", "verify"})
    expect_failure(tierpager_command({name, absent}), 1, absent);
  std::string const nonsense = files_.path("nonsense.gguf");
  write_file(nonsense, "nothing that a model file would begin with");
  expect_failure(tierpager_command({"inspect", nonsense}), 1, nonsense);
}

TEST_F(tool, names_the_line_of_an_order_file_that_it_does_not_understand) {
  std::string const order = files_.path("order");
  write_file(order, "# a comment\ntensor.0\n\n# pass\ntensor.99\n");
  expect_failure(tierpager_command({"run", model_, "--order", order}), 1, order + ": line 5: no tensor 'tensor.99'");
  write_file(order, "# pass\n# nothing else\n");
  expect_failure(tierpager_command({"run", model_, "--order", order}), 1, order + ": names no tensor");
  expect_failure(tierpager_command({"run", model_, "--order", files_.path("absent")}), 1, files_.path("absent"));
}

TEST_F(tool, refuses_pins_and_slices_that_match_nothing) {
  expect_failure(tierpager_command({"run", model_, "--device", "host", "--pin-vram", "blk.*"}), 1, "blk.*");
  expect_failure(tierpager_command({"run", model_, "--device", "host", "--slice", "experts*"}), 1, "experts*");
}

TEST_F(tool, exits_with_2_where_the_rows_of_a_slice_are_none) {
  for (std::string const name : {"inspect", "run", "plan", "verify"}) {
    auto const sliced = [&](std::string const& slice) { return tierpager_command({name, model_, "--slice", slice}); };
    expect_failure(sliced("tensor.0:0"), 2, "--slice: slice 'tensor.0:0': a slice has at least 1 row");
    expect_failure(sliced("tensor.0:18446744073709551616"), 2, "more than 2^64-1 rows");
    expect_failure(sliced(":16"), 2, "slice ':16': names no tensor");
    for (std::string const wrong : {"", "many", "-4", "4k"})
      expect_failure(sliced("tensor.0:" + wrong), 2, "'" + wrong + "' is no number of rows");
    expect_failure(sliced("tensor.9:16"), 1, "no tensor matches 'tensor.9'");
    expect_failure(sliced("space:tensor"), 1, "no tensor matches 'space:tensor'");
  }
}

TEST_F(tool, takes_several_models_wherever_they_stand) {
  std::string const other = files_.path("other.gguf");
  make_model({"--format", "gguf", "--layers", "1", "--hidden", "64", "--ffn", "64", "--vocab", "64", "--heads", "1",
              "--kv-heads", "1", other});
  for (std::vector<std::string> const& command : {std::vector<std::string>{"inspect"},
                                                  {"run", "--device", "host"},
                                                  {"plan", "--vram", "1MiB", "--ram", "1MiB"},
                                                  {"verify", "--device", "host"}}) {
    for (bool const apart : {false, true}) {
      std::vector<std::string> arguments = command;
      arguments.push_back(model_);
      if (apart) arguments.insert(arguments.end(), {"--slice", "tensor.0:8192"});
      arguments.push_back(other);
      outcome const ended = tierpager_command(arguments);
      EXPECT_EQ(ended.exit_code, 0) << ended.errors;
      EXPECT_THAT(ended.output, HasSubstr(apart ? "21 tensors" : "20 tensors")) << command.front();
    }
  }
  expect_failure(tierpager_command({"plan", model_, "--vram", "1MiB", "--vram", "2MiB"}), 2,
                 "--vram: given more than once");
}

TEST_F(tool, takes_one_value_for_each_repeatable_option) {
  outcome const ran =
      tierpager_command({"run", "--device", "host", "--pin-vram", "tensor.0", "--pin-ram", "tensor.1", model_});
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
}

TEST_F(tool, reports_an_output_that_cannot_be_written) {
  expect_failure(tierpager_command({"run", model_, "--device", "host", "--json", files_.path("no/such/place")}), 1,
                 "no/such/place");
  expect_failure(tierpager_command({"inspect", model_, "--json", "/dev/full"}), 1, "/dev/full: write failed");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
  for (std::vector<std::string> const& arguments : {std::vector<std::string>{"inspect", model_},
                                                    {"run", model_, "--device", "host", "--json", "-"},
                                                    {"verify", model_},
                                                    {"--help"}}) {
    outcome const ended = running_command(tierpager_path(), arguments, "/dev/full").wait();
    expect_failure(ended, 1, "standard output: write failed");
  }
}

}  // namespace
}  // namespace tierpager::tests
