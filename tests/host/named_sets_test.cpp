// Sets of tensors, by name and by id, however they are written: braces, vectors, views. What looks alike means the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>

#include <tests/support/paged_reading.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/host_stream.hpp>
#include <tierpager/open.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t page = 4096;
constexpr tensor_id t0{0}, t1{1}, t2{2}, t3{3};

std::vector<tensor_id> ids_of(std::vector<handle> const& held) {
  std::vector<tensor_id> ids;
  for (handle const& each : held) ids.push_back(each.id());
  return ids;
}

struct named_sets : testing::Test {
  pattern_model const model = make_pattern_model(5, page);
  host_stream stream;
  pager paged{model.tensors, model.source, jittery_device(), {.vram = bytes(16 * page), .ram = bytes(16 * page)}};
};

TEST_F(named_sets, braces_hold_names_or_ids) {
  EXPECT_THAT(ids_of(paged.acquire({"t0", "t1"}, stream)), ElementsAre(t0, t1));
  EXPECT_THAT(ids_of(paged.acquire({"t3", "t2", "t1"}, stream)), ElementsAre(t3, t2, t1));
  EXPECT_THAT(ids_of(paged.acquire({t0, t1}, stream)), ElementsAre(t0, t1));
  std::string const first = "t2";
  std::string_view const second = "t0";
  EXPECT_THAT(ids_of(paged.acquire({first, second, "t1"}, stream)), ElementsAre(t2, t0, t1));
  EXPECT_THAT(ids_of(paged.acquire({first, std::string("t") + "1"}, stream)), ElementsAre(t2, t1));
  EXPECT_THAT(ids_of(paged.acquire_host({"t0", "t1"})), ElementsAre(t0, t1));
  EXPECT_THAT(ids_of(paged.acquire_host({t2, t1})), ElementsAre(t2, t1));
}

TEST_F(named_sets, braces_around_one_make_a_set_of_one) {
  EXPECT_THAT(ids_of(paged.acquire({"t1"}, stream)), ElementsAre(t1));
  EXPECT_THAT(ids_of(paged.acquire({t1}, stream)), ElementsAre(t1));
  EXPECT_THAT(ids_of(paged.acquire_host({"t1"})), ElementsAre(t1));
  EXPECT_THAT(ids_of(paged.acquire_host({t1})), ElementsAre(t1));
  handle const held = paged.acquire("t1", stream);
  EXPECT_EQ(held.id(), t1);
}

TEST_F(named_sets, any_range_of_names_will_do) {
  std::vector<std::string> const strings{"t0", "t1"};
  std::vector<char const*> literals{"t1", "t2"};
  std::list<std::string_view> const views{"t2", "t3"};
  EXPECT_THAT(ids_of(paged.acquire(strings, stream)), ElementsAre(t0, t1));
  EXPECT_THAT(ids_of(paged.acquire(std::span(literals), stream)), ElementsAre(t1, t2));
  EXPECT_THAT(ids_of(paged.acquire(views, stream)), ElementsAre(t2, t3));
  EXPECT_THAT(ids_of(paged.acquire_host(std::vector<std::string>{"t3"})), ElementsAre(t3));
  EXPECT_THAT(ids_of(paged.acquire(std::vector{t3, t2}, stream)), ElementsAre(t3, t2));
}

TEST_F(named_sets, an_unknown_name_acquires_none_of_the_set) {
  failure const refused = failure_of([&] { return paged.acquire({"t0", "nobody"}, stream); }).value();
  EXPECT_EQ(refused.code, errc::unknown_tensor);
  EXPECT_EQ(refused.tensor, "nobody");
  EXPECT_EQ(code_of([&] { return paged.acquire_host({"t0", "nobody"}); }), errc::unknown_tensor);
  EXPECT_EQ(code_of([&] { paged.prefetch({"t0", "nobody"}); }), errc::unknown_tensor);
  EXPECT_EQ(paged.stats().acquires, 0U);
}

TEST_F(named_sets, a_null_pointer_is_an_error) {
  char const* const none = nullptr;
  EXPECT_EQ(code_of([&] { return paged.acquire(none, stream); }), errc::invalid_argument);
  EXPECT_EQ(code_of([&] { return paged.acquire({"t0", none}, stream); }), errc::invalid_argument);
  EXPECT_EQ(code_of([&] { return paged.acquire_host(none); }), errc::invalid_argument);
  EXPECT_EQ(code_of([&] { return paged.tensors().find(none).has_value(); }), errc::invalid_argument);
}

TEST_F(named_sets, are_loaded_ahead) {
  paged.prefetch({"t0", "t1"});
  paged.prefetch({t2, t3});
  while (!paged.resident(t0, tier::vram) || !paged.resident(t1, tier::vram) || !paged.resident(t2, tier::vram) ||
         !paged.resident(t3, tier::vram))
    std::this_thread::yield();
  paged.prefetch("t4");
  while (!paged.resident(tensor_id{4}, tier::vram)) std::this_thread::yield();
  EXPECT_NO_THROW(paged.prefetch({"t0"}));
  EXPECT_NO_THROW(paged.prefetch({t0}));
  EXPECT_NO_THROW(paged.prefetch(t0));
  EXPECT_NO_THROW(paged.prefetch(std::vector<std::string>{"t0"}));
  EXPECT_TRUE(paged.try_acquire("t4", stream).has_value());
}

TEST_F(named_sets, are_pinned_and_unpinned_by_globs_and_by_ids) {
  auto const pinned = [&] {
    std::vector<int> found;
    for (std::uint32_t i = 0; i < 5; ++i)
      if (paged.pinned(tensor_id{i}, tier::vram)) found.push_back(static_cast<int>(i));
    return found;
  };
  paged.pin({"t0", "t[34]"}, tier::vram);
  EXPECT_THAT(pinned(), ElementsAre(0, 3, 4));
  paged.unpin({"t0", "t3"}, tier::vram);
  EXPECT_THAT(pinned(), ElementsAre(4));
  paged.pin({t1, t2}, tier::vram);
  paged.unpin({t2}, tier::vram);
  paged.unpin("t4", tier::vram);
  paged.pin(std::vector<std::string>{"t3"}, tier::vram);
  EXPECT_THAT(pinned(), ElementsAre(1, 3));
  EXPECT_EQ(code_of([&] { paged.pin({"t0", "nobody*"}, tier::vram); }), errc::unknown_tensor);
  EXPECT_THAT(pinned(), ElementsAre(1, 3));
}

TEST_F(named_sets, of_paths_are_a_model) {
  auto const opened = [](auto&&... paths) { return failure_of([&] { return open({paths...}).tensors().size(); }); };
  EXPECT_EQ(opened("/nowhere/a.gguf", "/nowhere/b.gguf").value().file, "/nowhere/a.gguf");
  EXPECT_EQ(opened("/nowhere/b.gguf").value().file, "/nowhere/b.gguf");
  EXPECT_EQ(failure_of([] { return open(std::vector<std::string>{"/nowhere/c.gguf"}).tensors().size(); }).value().file,
            "/nowhere/c.gguf");
}

TEST_F(named_sets, are_orders) {
  EXPECT_NO_THROW(paged.set_order({"t0", "t1", "t2"}));
  EXPECT_NO_THROW(paged.set_order({t0, t1}));
  EXPECT_NO_THROW(paged.set_order(std::vector<std::string>{"t1"}));
  EXPECT_EQ(code_of([&] { paged.set_order({"t0", "nobody"}); }), errc::unknown_tensor);
}

}  // namespace
}  // namespace tierpager::test
