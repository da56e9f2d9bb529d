#include <tools/slices.hpp>

#include <gtest/gtest.h>

#include <tools/options.hpp>

namespace tierpager::tools {
namespace {

catalog table_and_scalar() {
  catalog made;
  made.add_file("file");
  EXPECT_TRUE(made.add({.name = "table", .dtype = "U8", .shape = {9, 2}, .bytes = 18}).ok());
  EXPECT_TRUE(made.add({.name = "scalar", .dtype = "U8", .shape = {}, .offset = 18, .bytes = 1}).ok());
  return made;
}

TEST(slices, are_made_in_turn_of_what_those_before_left) {
  catalog const made = sliced(table_and_scalar(), {"t*:4", "table[4:8]:2"});
  std::vector<std::string> names;
  for (tensor_info const& each : made) names.push_back(each.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"table[0:4]", "table[4:8][0:2]", "table[4:8][2:4]", "table[8:9]", "scalar"}));
}

TEST(slices, of_wrong_rows_are_wrong_usage_and_those_that_do_not_suit_the_model_are_not) {
  for (std::string const wrong : {"table:0", "table:few", "table:", ":4"})
    EXPECT_THROW((void)sliced(table_and_scalar(), {wrong}), usage_error) << wrong;
  for (std::string const unsuited : {"none:4", "none:few", "scalar", "scalar:2"})
    EXPECT_THROW((void)sliced(table_and_scalar(), {unsuited}), error) << unsuited;
}

}  // namespace
}  // namespace tierpager::tools
