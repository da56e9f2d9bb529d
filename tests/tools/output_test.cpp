#include <tools/output.hpp>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tests/tools/command_runner.hpp>
#include <tierpager/error.hpp>

namespace tierpager::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using tests::outcome;
using tests::read_file;
using tests::running_command;
using tests::scratch_directory;
using tests::write_file;

class an_output_file : public testing::Test {
 protected:
  void write_whole(std::string const& name, std::string const& text) {
    output_file file(find_output(name), temporaries_);
    file.write(text);
    file.finish();
    file.commit();
  }

  scratch_directory files_;
  temporary_files temporaries_;
};

TEST_F(an_output_file, appears_whole_or_not_at_all) {
  std::string const big(3U << 20U, 'x');
  {
    output_file file(find_output(files_.path("kept")), temporaries_);
    file.write("begin ");
    file.write(big);
    file.write(" end");
    EXPECT_THAT(files_.files(), ElementsAre(MatchesRegex("tierpager-[0-9a-f]+[.]partial")));
    file.finish();
    file.commit();
  }
  { output_file(find_output(files_.path("dropped")), temporaries_).write(big); }
  EXPECT_THAT(files_.files(), ElementsAre("kept"));
  EXPECT_EQ(read_file(files_.path("kept")), "begin " + big + " end");
}

TEST_F(an_output_file, replaces_what_a_link_names_and_not_the_link) {
  write_file(files_.path("target"), "old");
  std::filesystem::create_symlink("target", files_.path("link"));
  std::filesystem::create_symlink("made", files_.path("dangling"));
  write_whole(files_.path("link"), "new");
  EXPECT_EQ(read_file(files_.path("target")), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(files_.path("link")));
  write_whole(files_.path("dangling"), "new too");
  EXPECT_EQ(read_file(files_.path("made")), "new too");
  std::filesystem::create_symlink("circle", files_.path("circle"));
  EXPECT_THROW((void)find_output(files_.path("circle")), error);
}

TEST_F(an_output_file, keeps_the_mode_of_the_file_it_replaces) {
  write_file(files_.path("secret"), "old");
  ASSERT_EQ(::chmod(files_.path("secret").c_str(), 0640), 0);
  write_whole(files_.path("secret"), "new");
  struct stat now {};
  ASSERT_EQ(::stat(files_.path("secret").c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 07777U, 0640U);
}

TEST_F(an_output_file, writes_a_device_as_it_comes) {
  write_whole("/dev/null", "nobody reads this");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  output_file full(find_output("/dev/full"), temporaries_);
  full.write("no room for this");
  EXPECT_THROW(full.finish(), error);
}

TEST_F(an_output_file, says_at_once_that_it_cannot_be_written) {
  EXPECT_THROW(find_output(files_.path("no/such/directory")), error);
  EXPECT_THROW(find_output(files_.path("")), error);
  EXPECT_THROW(find_output(""), error);
  EXPECT_THROW(find_output("/dev/fd/999"), error);
  EXPECT_THROW(find_output("/dev/fd/0/under"), error);
}

TEST_F(an_output_file, is_removed_when_its_command_is_ended) {
  output_file file(find_output(files_.path("kept")), temporaries_);
  file.write("something");
  file.finish();
  temporaries_.publish([&] { file.commit(); });
  EXPECT_FALSE(temporaries_.abandon());
  EXPECT_THAT(files_.files(), ElementsAre("kept"));

  temporary_files others;
  temporary_files::file const made = others.create(files_.path("."));
  ASSERT_GE(made.descriptor, 0);
  ::close(made.descriptor);
  EXPECT_TRUE(others.abandon());
  EXPECT_THAT(files_.files(), ElementsAre("kept"));
}

// As another user, who may write the file and not its folder.
TEST_F(an_output_file, is_copied_into_place_in_a_folder_that_may_not_be_written) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  std::filesystem::create_directory(files_.path("locked"));
  write_file(files_.path("locked/report"), "an older and longer report");
  ASSERT_EQ(::chmod(files_.path("locked/report").c_str(), 0666), 0);
  ASSERT_EQ(::chmod(files_.path(".").c_str(), 0755), 0);
  pid_t const other = ::fork();
  if (other == 0) {
    bool const changed = ::setgid(65534) == 0 && ::setuid(65534) == 0;
    try {
      write_whole(files_.path("locked/report"), "new");
      ::_exit(changed ? 0 : 2);
    } catch (error const&) {
      ::_exit(1);
    }
  }
  int status = 0;
  ASSERT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(files_.path("locked/report")), "new");
}

TEST_F(an_output_file, is_copied_into_place_where_it_is_mounted) {
  tests::make_model({"--equal", "4", "--bytes", "4096", files_.path("model.safetensors")});
  write_file(files_.path("inside"), "{}");
  write_file(files_.path("outside"), "an older report");
  std::string const mounted = "mount --bind \"$1\" \"$2\" || exit 77; exec \"$0\" inspect \"$3\" --json \"$2\"";
  running_command command("/usr/bin/unshare",
                          {"-m", "/bin/sh", "-c", mounted, tests::tierpager_path(), files_.path("outside"),
                           files_.path("inside"), files_.path("model.safetensors")});
  outcome const ended = command.wait();
  if (ended.exit_code != 0 && ended.errors.find("tierpager") == std::string::npos)
    GTEST_SKIP() << "needs to mount: " << ended.errors;
  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_EQ(read_file(files_.path("inside")), "{}");
  EXPECT_THAT(read_file(files_.path("outside")), HasSubstr("tensor.3"));
  std::string const model = "mount --bind \"$1\" \"$2\" || exit 77; exec \"$0\" inspect \"$1\" --json \"$2\"";
  running_command over_model("/usr/bin/unshare", {"-m", "/bin/sh", "-c", model, tests::tierpager_path(),
                                                  files_.path("model.safetensors"), files_.path("inside")});
  outcome const refused = over_model.wait();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, HasSubstr("would overwrite"));
}

TEST_F(an_output_file, loses_nothing_where_the_disk_is_full) {
  tests::make_model({"--equal", "512", "--bytes", "16", files_.path("model.safetensors")});
  std::filesystem::create_directory(files_.path("small"));
  std::string const filled =
      "mount -t tmpfs -o size=16k none \"$1\" || exit 77; echo older > \"$1/report\";"
      "\"$0\" inspect \"$2\" --json \"$1/report\"; echo \"[$?]\"; cat \"$1/report\"; ls -A \"$1\"";
  running_command command("/usr/bin/unshare", {"-m", "/bin/sh", "-c", filled, tests::tierpager_path(),
                                               files_.path("small"), files_.path("model.safetensors")});
  outcome const ended = command.wait();
  if (ended.exit_code != 0 && ended.errors.find("tierpager") == std::string::npos)
    GTEST_SKIP() << "needs to mount: " << ended.errors;
  EXPECT_EQ(ended.output, "[1]\nolder\nreport\n");
  EXPECT_THAT(ended.errors, HasSubstr("small/report: write failed (No space left on device)"));
}

}  // namespace
}  // namespace tierpager::tools
