#include <tools/order_file.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tests/tools/command_runner.hpp>

namespace tierpager::tools {
namespace {

using testing::ElementsAre;
using tests::scratch_directory;
using tests::write_file;

constexpr tensor_id a{0};
constexpr tensor_id b{1};
constexpr tensor_id c{2};

// Named in the order a, b, c, "#d", stored in the order c, a, b, "#d".
catalog some_tensors() {
  catalog made;
  made.add_file("file");
  std::uint64_t offset = 100;
  for (std::string const name : {"a", "b b", "c\r", "#d"}) {
    EXPECT_TRUE(
        made.add({.name = name, .dtype = "U8", .shape = {8}, .offset = name == "c\r" ? 0 : offset, .bytes = 8}).ok());
    offset += 8;
  }
  return made;
}

std::vector<pass_order> read(std::string const& text) {
  scratch_directory const files;
  write_file(files.path("order"), text);
  return read_order_file(files.path("order"), some_tensors());
}

TEST(order_file, separates_passes_and_skips_comments_and_empty_lines) {
  EXPECT_THAT(read("# a comment\na\nb b\n\n# pass\n#pass\n# passes\na\n"),
              ElementsAre(ElementsAre(a, b), ElementsAre(a)));
  for (std::string const separator : {"#pass", "# Pass", "# pass 2", "#\tPASS", "# pass\r", "  # pass",
                                      "## pass 2 of 3", "# --- pass 2 ---", "# pass:"})
    EXPECT_THAT(read("a\n" + separator + "\nb b\n"), ElementsAre(ElementsAre(a), ElementsAre(b))) << separator;
}

TEST(order_file, drops_a_pass_that_names_nothing) {
  EXPECT_THAT(read("# pass\na\n# pass \n# pass\nb b\n# pass\n"), ElementsAre(ElementsAre(a), ElementsAre(b)));
}

TEST(order_file, reads_lines_that_end_with_a_carriage_return_and_a_last_line_that_does_not_end) {
  EXPECT_THAT(read("a\r\nb b\r\n# pass\r\n\r\nc\r\nc\r\r\na"), ElementsAre(ElementsAre(a, b), ElementsAre(c, c, a)));
}

TEST(order_file, takes_what_editors_put_around_names) {
  EXPECT_THAT(read("\xef\xbb\xbf"
                   "a\nb b\n"),
              ElementsAre(ElementsAre(a, b)));
  EXPECT_THAT(read("\xef\xbb\xbf# pass\na\n"), ElementsAre(ElementsAre(a)));
  EXPECT_THAT(read("  a\n\tb b \r\n \t\na\t"), ElementsAre(ElementsAre(a, b, a)));
}

TEST(order_file, refuses_what_is_no_text_or_could_be_meant_in_two_ways) {
  std::vector<std::pair<std::string, std::string>> const refused{
      {std::string("\xff\xfe"
                   "a\0\n\0",
                   6),
       "line 1: is UTF-16"},
      {std::string("a\n\0a\0\n", 6), "line 2: holds a NUL byte"},
      {"a\n# next pass\na\n", "line 2: '# next pass' may begin a pass"},
      {"a\n# pass the salt\na\n", "line 2: '# pass the salt' may begin a pass"},
      {"a\rb b\ra\r", "line 1: no tensor 'a\\x0db b\\x0da': there is a carriage return"},
      {"a # first\n", "a comment has a line of its own"},
      {"\"a\"\n", "without quotes"},
      {"a*\n", "globs do not count"},
      {"a,b b\n", "a name has a line of its own"},
      {std::string(200'000, 'a'), "line 1: longer than any name"},
      {"a\n" + std::string(200'000, 'a') + "\n", "line 2: longer than any name"}};
  for (auto const& [text, why] : refused) {
    try {
      (void)read(text);
      FAIL() << why;
    } catch (error const& thrown) {
      EXPECT_THAT(thrown.what(), testing::HasSubstr(why));
    }
  }
}

TEST(order_file, names_a_tensor_that_begins_with_a_number_sign_and_ends_with_a_blank) {
  EXPECT_THAT(read("#d\n# d\n"), ElementsAre(ElementsAre(tensor_id{3})));
  catalog made;
  made.add_file("file");
  for (std::string const name : {"tail", "tail ", " ", "# pass 7", "line\nfeed"})
    ASSERT_TRUE(made.add({.name = name, .dtype = "U8", .shape = {8}, .bytes = 8}).ok());
  scratch_directory const files;
  write_file(files.path("order"), "tail \ntail\n \n");
  EXPECT_THAT(read_order_file(files.path("order"), made),
              ElementsAre(ElementsAre(tensor_id{1}, tensor_id{0}, tensor_id{2})));
  EXPECT_NO_THROW(require_writable_names({{tensor_id{0}, tensor_id{1}, tensor_id{2}}}, made));
  EXPECT_THROW(require_writable_names({{tensor_id{3}}}, made), error);
  EXPECT_THROW(require_writable_names({{tensor_id{4}}}, made), error);
}

TEST(order_file, that_does_not_end_is_read_to_a_limit) {
  EXPECT_THROW((void)read_order_file("/dev/zero", some_tensors()), error);
}

TEST(order_file, lists_tensors_by_their_place_in_the_file_by_default) {
  EXPECT_THAT(file_order(some_tensors()), ElementsAre(c, a, b, tensor_id{3}));
}

TEST(order_file, names_slices_as_a_trace_spells_them) {
  catalog const sliced = value_or_throw(value_or_throw(some_tensors().slice("a", 4)).slice("b b"));
  EXPECT_NO_THROW(require_writable_names({{tensor_id{0}, tensor_id{2}}}, sliced));
  scratch_directory const files;
  write_file(files.path("order"), "a[4:8]\nb b[0]\na[0:4]\r\n");
  EXPECT_THAT(read_order_file(files.path("order"), sliced),
              ElementsAre(ElementsAre(tensor_id{1}, tensor_id{2}, tensor_id{0})));
  write_file(files.path("order"), "a\n");
  EXPECT_THROW((void)read_order_file(files.path("order"), sliced), error);
}

}  // namespace
}  // namespace tierpager::tools
