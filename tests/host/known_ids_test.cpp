// Ids and names that no tensor has.
#include <gtest/gtest.h>

#include <host/known_ids.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

TEST(known_ids, are_those_of_the_catalog) {
  pattern_model const model = make_pattern_model(2, page);
  check_id(model.tensors, tensor_id{1});
  EXPECT_EQ(id_named(model.tensors, "t1"), tensor_id{1});
  auto const id = failure_of([&] { return check_id(model.tensors, tensor_id{2}), 0; });
  ASSERT_TRUE(id);
  EXPECT_EQ(id->code, errc::unknown_tensor);
  EXPECT_EQ(id->what, "no tensor has the id 2");
  auto const name = failure_of([&] { return id_named(model.tensors, "t2"); });
  ASSERT_TRUE(name);
  EXPECT_EQ(name->code, errc::unknown_tensor);
  EXPECT_EQ(name->tensor, "t2");
}

}  // namespace
}  // namespace tierpager::test
