// The progress bar on a terminal that the test plays: what is drawn fits its width, and is wiped in the end.
#include <tools/progress.hpp>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <tests/tools/command_runner.hpp>
#include <tools/text.hpp>

namespace tierpager::tools {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using tests::outcome;
using tests::running_command;
using tests::scratch_directory;

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30U;

TEST(progress_line, says_how_far_it_is) {
  EXPECT_EQ(progress_line(gibibyte, 2 * gibibyte, "pass 2 of 5", 120),
            "[" + std::string(15, '=') + std::string(15, ' ') + "]  50 %  1.00 GiB of 2.00 GiB  pass 2 of 5");
  EXPECT_THAT(progress_line(0, 0, "", 120), HasSubstr("100 %"));
}

TEST(progress_line, is_never_wider_than_the_terminal) {
  std::string const name = "model.language_model.layers.150.self_attn.q_proj.weight 層層層層 ｱ é";
  for (std::size_t columns = 0; columns < 130; ++columns)
    EXPECT_LE(columns_of(progress_line(3 * gibibyte, 4 * gibibyte, name, columns)), columns);
}

TEST(progress_line, shows_no_control_characters_of_a_name) {
  EXPECT_THAT(progress_line(1, 2, "a\x1b[2J\u202eb\u200b\u2028", 200), HasSubstr("a\\x1b[2J\\u202eb\\u200b\\u2028"));
}

TEST(text, counts_wide_characters_as_two_columns) {
  EXPECT_EQ(columns_of("aé"), 2U);
  EXPECT_EQ(columns_of("層a"), 3U);
  EXPECT_EQ(fitted("層層", 3), "層");
  EXPECT_EQ(fitted("aé層", 2), "aé");
}

class a_terminal : public testing::Test {
 protected:
  a_terminal() { tests::make_model({"--equal", "64", "--bytes", "16384", model_}); }
  ~a_terminal() override {
    ::close(other_end_);
    ::close(terminal_);
  }

  // What the command draws on a terminal of that kind and width; it takes long enough to draw more than once.
  std::string drawn(std::string const& kind, unsigned short columns) {
    terminal_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    EXPECT_EQ(::grantpt(terminal_), 0);
    EXPECT_EQ(::unlockpt(terminal_), 0);
    std::string const name = ::ptsname(terminal_);
    // Held open, so that what was written stays readable when the command has ended.
    other_end_ = ::open(name.c_str(), O_RDWR | O_NOCTTY);
    winsize const size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::ioctl(terminal_, TIOCSWINSZ, &size), 0);
    std::vector<std::string> arguments{"-i"};
    if (!kind.empty()) arguments.push_back("TERM=" + kind);
    arguments.insert(arguments.end(), {tests::tierpager_path(), "run", model_, "--device", "host", "--ram", "32KiB",
                                       "--vram", "64KiB", "--disk", "0.002", "--passes", "1"});
    running_command command("/usr/bin/env", arguments, "", name);
    std::string all;
    std::string piece(4096, '\0');
    for (bool ended = false; !ended;) {
      ended = command.ended();
      for (ssize_t got = 0; (got = ::read(terminal_, piece.data(), piece.size())) > 0;)
        all += piece.substr(0, static_cast<std::size_t>(got));
    }
    EXPECT_EQ(command.wait().exit_code, 0) << all;
    return all;
  }

  scratch_directory files_;
  std::string model_ = files_.path("equal.safetensors");
  int terminal_ = -1;
  int other_end_ = -1;
};

class a_terminal_of : public a_terminal, public testing::WithParamInterface<unsigned short> {};

TEST_P(a_terminal_of, so_many_columns_holds_the_bar_on_one_line) {
  std::string all = drawn("xterm", GetParam());
  std::string const wipe = "\r\x1b[K";
  EXPECT_TRUE(all.ends_with(wipe));
  EXPECT_THAT(all, testing::Not(HasSubstr("\n")));
  std::size_t bars = 0;
  while (!all.empty()) {
    ASSERT_THAT(all, StartsWith(wipe));
    all.erase(0, wipe.size());
    std::string const line = all.substr(0, all.find('\r'));
    bars += line.starts_with('[') ? 1U : 0U;
    EXPECT_LT(columns_of(line), GetParam()) << line;
    EXPECT_THAT(line, testing::Not(HasSubstr("\x1b")));
    all.erase(0, line.size());
  }
  EXPECT_GE(bars, 1U);
}

INSTANTIATE_TEST_SUITE_P(columns, a_terminal_of, testing::Values(200, 80, 40, 12));

TEST_F(a_terminal, that_is_dumb_or_unknown_gets_no_bar) {
  EXPECT_EQ(drawn("dumb", 80), "");
  ::close(other_end_);
  ::close(terminal_);
  EXPECT_EQ(drawn("", 80), "");
}

TEST(standard_error, that_is_no_terminal_gets_no_bar) {
  scratch_directory const files;
  tests::make_model({"--equal", "8", "--bytes", "16384", files.path("m.safetensors")});
  EXPECT_EQ(tests::tierpager_command({"run", files.path("m.safetensors"), "--device", "host"}).errors, "");
}

}  // namespace
}  // namespace tierpager::tools
