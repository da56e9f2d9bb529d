// A signal ends every command, whatever it is waiting for: it dies of it, and leaves no report and no temporary file.
#include <csignal>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

// A line of one of the process's own files in /proc, without its label.
std::string line_of(pid_t process, std::string const& file, std::string const& label) {
  std::ifstream lines("/proc/" + std::to_string(process) + "/" + file);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(label)) return line.substr(label.size());
  return "";
}

bool is_in(std::string const& mask, running_command const& command, int signal) {
  std::string const signals = line_of(command.process(), "status", mask);
  return !signals.empty() && (std::stoull(signals, nullptr, 16) >> (signal - 1) & 1U) != 0;
}

bool listens(running_command const& command, int signal) { return is_in("SigBlk:", command, signal); }

std::uint64_t bytes_read(running_command const& command) {
  std::string const bytes = line_of(command.process(), "io", "rchar:");
  return bytes.empty() ? 0 : std::stoull(bytes);
}

class an_interrupt : public testing::Test {
 protected:
  an_interrupt() {
    make_model({"--equal", "8", "--bytes", "16384", model_});
    before_ = files_.files();
  }

  // Once that is true.
  template <class Condition>
  static void wait_until(running_command& command, Condition const& condition) {
    while (!condition()) {
      ASSERT_FALSE(command.ended()) << command.wait().errors;
      std::this_thread::yield();
    }
  }

  void expect_death(running_command& command, int signal) const {
    command.signal(signal);
    outcome const ended = command.wait();
    EXPECT_EQ(ended.exit_code, -signal);
    EXPECT_EQ(ended.output, "");
    EXPECT_EQ(ended.errors, "");
    EXPECT_EQ(files_.files(), before_);
  }

  static constexpr std::uint64_t model_bytes = 8 * 16384;
  scratch_directory files_;
  std::string model_ = files_.path("equal.safetensors");
  std::vector<std::string> before_;
};

TEST_F(an_interrupt, ends_a_run_between_its_passes) {
  for (int const signal : {SIGINT, SIGTERM, SIGHUP}) {
    running_command command(tierpager_path(), {"run", model_, "--device", "host", "--passes", "1000000000", "--json",
                                               files_.path("report"), "--trace", files_.path("trace")});
    wait_until(command, [&] { return files_.files().size() == before_.size() + 2; });
    expect_death(command, signal);
  }
}

TEST_F(an_interrupt, ends_a_run_that_waits_for_its_last_copies_or_its_last_work) {
  std::vector<std::vector<std::string>> const slow{{"--compute", "1e6"}, {"--link", "1e-9"}, {"--disk", "1e-9"}};
  for (std::vector<std::string> arguments : slow) {
    std::vector<std::string> const rest{"run",      model_,
                                        "--device", "host",
                                        "--vram",   "unlimited",
                                        "--ram",    "unlimited",
                                        "--passes", "1",
                                        "--json",   files_.path("report"),
                                        "--events", files_.path("events")};
    arguments.insert(arguments.begin(), rest.begin(), rest.end());
    running_command command(tierpager_path(), arguments);
    bool const all_read = arguments.back() != "1e-9" || arguments.at(arguments.size() - 2) == "--link";
    wait_until(command, [&] {
      return files_.files().size() == before_.size() + 2 && (!all_read || bytes_read(command) >= model_bytes);
    });
    expect_death(command, SIGINT);
  }
}

TEST_F(an_interrupt, ends_a_plan) {
  running_command command(tierpager_path(), {"plan", model_, "--vram", "50%", "--ram", "50%", "--passes", "1000000000",
                                             "--json", files_.path("report")});
  wait_until(command, [&] { return files_.files().size() > before_.size(); });
  expect_death(command, SIGTERM);
}

TEST_F(an_interrupt, ends_an_inspection_that_waits_for_a_reader) {
  ASSERT_EQ(::mkfifo(files_.path("pipe").c_str(), 0600), 0);
  before_ = files_.files();
  running_command command(tierpager_path(), {"inspect", model_, "--json", files_.path("pipe")});
  wait_until(command, [&] { return listens(command, SIGINT); });
  expect_death(command, SIGINT);
}

TEST_F(an_interrupt, ends_a_verification) {
  std::ofstream(files_.path("data")).close();
  std::filesystem::resize_file(files_.path("data"), std::uintmax_t{1} << 36U);
  write_file(files_.path("sparse.json"),
             R"({"tensors": [{"name": "t", "file": "data", "offset": 0, "bytes": 68719476736, "dtype": "U8",
                 "shape": [67108864, 1024]}]})");
  before_ = files_.files();
  running_command command(tierpager_path(), {"verify", files_.path("sparse.json"), "--device", "host", "--ram", "8MiB",
                                             "--slice", "t:16384"});
  wait_until(command, [&] { return bytes_read(command) > std::uint64_t{1} << 24U; });
  expect_death(command, SIGINT);
}

TEST_F(an_interrupt, ends_the_writing_of_a_model) {
  running_command command(make_model_path(), {"--format", "gguf", "--layers", "1000", files_.path("big.gguf")});
  wait_until(command, [&] { return files_.files().size() > before_.size(); });
  expect_death(command, SIGINT);
}

TEST_F(an_interrupt, keeps_an_earlier_report) {
  write_file(files_.path("trace"), "an earlier trace\n");
  before_ = files_.files();
  running_command command(
      tierpager_path(), {"run", model_, "--device", "host", "--passes", "1000000000", "--trace", files_.path("trace")});
  wait_until(command, [&] { return files_.files().size() > before_.size(); });
  expect_death(command, SIGINT);
  EXPECT_EQ(read_file(files_.path("trace")), "an earlier trace\n");
}

TEST_F(an_interrupt, that_was_ignored_stays_ignored) {
  running_command command("/bin/sh", {"-c", "trap '' HUP; exec \"$0\" \"$@\"", tierpager_path(), "run", model_,
                                      "--device", "host", "--passes", "1000000000", "--json", files_.path("report")});
  wait_until(command, [&] { return listens(command, SIGTERM) && files_.files().size() > before_.size(); });
  EXPECT_TRUE(is_in("SigIgn:", command, SIGHUP));
  command.signal(SIGHUP);
  expect_death(command, SIGTERM);
}

}  // namespace
}  // namespace tierpager::tests
