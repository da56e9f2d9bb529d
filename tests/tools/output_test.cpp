#include <tools/output.hpp>

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tests/tools/command_runner.hpp>
#include <tierpager/error.hpp>

namespace tierpager::tools {
namespace {

using testing::ElementsAre;
using tests::read_file;
using tests::scratch_directory;
using tests::write_file;

TEST(output_file, appears_whole_or_not_at_all) {
  scratch_directory const files;
  std::string const big(3U << 20U, 'x');
  {
    output_file file(files.path("kept"));
    file.write("begin ");
    file.write(big);
    file.write(" end");
    EXPECT_THAT(files.files(), ElementsAre("kept.partial"));
    file.commit();
  }
  { output_file(files.path("dropped")).write(big); }
  EXPECT_THAT(files.files(), ElementsAre("kept"));
  EXPECT_EQ(read_file(files.path("kept")), "begin " + big + " end");
}

TEST(output_file, replaces_what_a_link_names_and_not_the_link) {
  scratch_directory const files;
  write_file(files.path("target"), "old");
  std::filesystem::create_symlink("target", files.path("link"));
  output_file file(files.path("link"));
  file.write("new");
  EXPECT_EQ(read_file(files.path("target")), "old");
  file.commit();
  EXPECT_EQ(read_file(files.path("target")), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(files.path("link")));
}

TEST(output_file, writes_a_device_in_place) {
  output_file null("/dev/null");
  null.write("nobody reads this");
  EXPECT_NO_THROW(null.commit());
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  output_file full("/dev/full");
  full.write("no room for this");
  EXPECT_THROW(full.commit(), error);
}

TEST(output_file, says_at_once_that_it_cannot_be_written) {
  scratch_directory const files;
  EXPECT_THROW(output_file(files.path("no/such/directory")), error);
  EXPECT_THROW(output_file(files.path("")), error);
}

}  // namespace
}  // namespace tierpager::tools
