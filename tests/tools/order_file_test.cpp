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
}

TEST(order_file, drops_a_pass_that_names_nothing) {
  EXPECT_THAT(read("# pass\na\n# pass \n# pass\nb b\n# pass\n"), ElementsAre(ElementsAre(a), ElementsAre(b)));
}

TEST(order_file, reads_lines_that_end_with_a_carriage_return_and_a_last_line_that_does_not_end) {
  EXPECT_THAT(read("a\r\nb b\r\n# pass\r\n\r\nc\r\nc\r\r\na"), ElementsAre(ElementsAre(a, b), ElementsAre(c, c, a)));
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

TEST(order_file, refuses_a_trace_of_names_it_could_not_read_back) {
  EXPECT_NO_THROW(require_writable_names({{a, b}}, some_tensors()));
  EXPECT_THROW(require_writable_names({{a}, {tensor_id{3}}}, some_tensors()), error);
}

}  // namespace
}  // namespace tierpager::tools
