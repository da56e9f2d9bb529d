// The least that a pass moves: text, table and JSON of `plan` and of `run` say the same, in bytes of tensors.
#include <filesystem>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/tools/command_runner.hpp>
#include <tools/report.hpp>
#include <tools/text.hpp>

namespace tierpager::tests {
namespace {

using json = nlohmann::json;
using tools::byte_bound;

std::string as_table(std::uint64_t bytes, byte_bound const& bound, std::uint64_t byte_bound::*least) {
  return readable_bytes(bytes) + " " + tools::over_bound(bytes, bound, least);
}

// "12.5 MiB 1.04x" of both links, of each row that begins like that.
std::vector<std::string> rows(std::string const& text, std::string const& beginning) {
  std::regex const both("^" + beginning +
                        ".*? ([0-9.]+ [KMG]?i?B) +([0-9.>]+x|[=-]) +([0-9.]+ [KMG]?i?B) +([0-9.>]+x|[=-]) .*");
  std::vector<std::string> found;
  std::istringstream from(text);
  for (std::string line; std::getline(from, line);)
    if (std::smatch parts; std::regex_match(line, parts, both))
      found.push_back(parts[1].str() + " " + parts[2].str() + ", " + parts[3].str() + " " + parts[4].str());
  return found;
}

class bounds : public testing::Test {
 protected:
  bounds() {
    json listed = json::array();
    std::uint64_t offset = 0;
    for (std::uint64_t i = 0; i < tensors; ++i) {
      std::uint64_t const bytes = 700 * i + 13;  // no multiple of any alignment
      listed.push_back({{"name", "t" + std::to_string(i)},
                        {"file", "data"},
                        {"offset", offset},
                        {"bytes", bytes},
                        {"dtype", "U8"},
                        {"shape", {bytes}}});
      offset += bytes;
    }
    distinct_ = offset;
    write_file(model_, json({{"tensors", listed}}).dump());
    write_file(files_.path("data"), "");
    std::filesystem::resize_file(files_.path("data"), offset);
  }

  outcome ended(std::vector<std::string> arguments, std::vector<std::string> const& more) const {
    arguments.insert(arguments.end(), more.begin(), more.end());
    outcome done = tierpager_command(arguments);
    EXPECT_EQ(done.exit_code, 0) << done.errors;
    return done;
  }
  // What text and JSON of that command say; its JSON.
  json agreed(std::vector<std::string> const& arguments, std::vector<std::string> const& to_passes) const {
    json const all = json::parse(ended(arguments, {"--json", "-"}).output);
    std::string const text = ended(arguments, {}).output;
    byte_bound const bound{all["lower_bound"]["bytes_to_device"], all["lower_bound"]["bytes_from_disk"]};
    EXPECT_THAT(text, testing::HasSubstr("no pager moves less than " + readable_bytes(bound.to_device_bytes) +
                                         " to the device and " + readable_bytes(bound.from_disk_bytes) + " from disk"));
    json passes = all;
    for (std::string const& key : to_passes) passes = passes[key];
    std::vector<std::string> expected;
    for (json const& pass : passes)
      expected.push_back(as_table(pass["bytes_to_device"], bound, &byte_bound::to_device_bytes) + ", " +
                         as_table(pass["bytes_from_disk"], bound, &byte_bound::from_disk_bytes));
    EXPECT_EQ(rows(text, to_passes.size() > 1 ? "auto" : " +[0-9]"), expected) << text;
    return all;
  }

  static constexpr std::uint64_t tensors = 60;
  scratch_directory files_;
  std::string model_ = files_.path("model.json");
  std::uint64_t distinct_ = 0;
};

TEST_F(bounds, are_the_same_in_text_table_and_json_of_plan_and_run) {
  for (auto const& [vram, ram] :
       {std::pair<std::string, std::string>{"200000", "300000"}, {"50%", "25%"}, {"100%", "100%"}, {"none", "40%"}}) {
    SCOPED_TRACE(vram + " " + ram);
    std::vector<std::string> arguments{"plan", model_, "--vram", vram, "--ram", ram, "--passes", "5"};
    json const plan = agreed(arguments, {"policies", "auto", "passes"});
    arguments[0] = "run";
    arguments.insert(arguments.end(), {"--device", "host"});
    json const run = agreed(arguments, {"passes"});
    EXPECT_EQ(plan["lower_bound"], run["lower_bound"]);
    if (vram == "200000") {
      EXPECT_EQ(plan["lower_bound"],
                json({{"bytes_to_device", distinct_ - 200'000}, {"bytes_from_disk", distinct_ - 500'000}}));
    }
    json const& homes = plan["partition"];
    if (!homes.is_null()) {
      EXPECT_EQ(
          homes["vram"].get<std::uint64_t>() + homes["ram"].get<std::uint64_t>() + homes["file"].get<std::uint64_t>(),
          distinct_);
    }
    json const& last = run["passes"].back();
    EXPECT_GE(last["bytes_to_device"], run["lower_bound"]["bytes_to_device"]);
    EXPECT_GE(last["bytes_from_disk"], run["lower_bound"]["bytes_from_disk"]);
  }
}

TEST_F(bounds, of_a_sweep_are_those_of_its_budgets) {
  std::vector<std::string> const arguments{"plan", model_, "--vram", "50%", "--ram", "20%", "--sweep", "25%"};
  json const sweep = json::parse(ended(arguments, {"--json", "-"}).output)["sweep"];
  std::vector<std::string> expected;
  for (json const& row : sweep) {
    byte_bound const bound{row["lower_bound"]["bytes_to_device"], row["lower_bound"]["bytes_from_disk"]};
    std::uint64_t const vram = row["vram"];
    EXPECT_EQ(bound.to_device_bytes, distinct_ - std::min(distinct_, vram));
    expected.push_back(as_table(row["bytes_to_device"], bound, &byte_bound::to_device_bytes) + ", " +
                       as_table(row["bytes_from_disk"], bound, &byte_bound::from_disk_bytes));
  }
  EXPECT_EQ(expected.size(), 4U);
  EXPECT_EQ(rows(ended(arguments, {}).output, " +[0-9.]+ [KMG]?i?B +[0-9.]+ %"), expected);
}

// A long pass that repeats itself moves much more than there is; the bound knows each tensor once.
TEST_F(bounds, count_each_tensor_once_however_often_a_pass_comes_back_to_it) {
  std::string order;
  for (int i = 0; i < 400; ++i) order += "t" + std::to_string(59 - i % 20) + "\n";
  write_file(files_.path("order"), order);
  json const plan = agreed({"plan", model_, "--vram", "200000", "--ram", "300000", "--order", files_.path("order")},
                           {"policies", "auto", "passes"});
  std::uint64_t distinct = 0;
  for (std::uint64_t i = 40; i < 60; ++i) distinct += 700 * i + 13;
  EXPECT_EQ(plan["lower_bound"]["bytes_to_device"], distinct - 200'000);
}

TEST_F(bounds, are_not_named_where_passes_differ) {
  write_file(files_.path("order"), "t3\nt4\n# pass\nt4\n");
  std::vector<std::string> const arguments{"plan",  model_, "--vram",  "50%",
                                           "--ram", "50%",  "--order", files_.path("order")};
  EXPECT_TRUE(json::parse(ended(arguments, {"--json", "-"}).output)["lower_bound"].is_null());
  EXPECT_THAT(ended(arguments, {}).output, testing::Not(testing::HasSubstr("no pager moves less")));
}

}  // namespace
}  // namespace tierpager::tests
