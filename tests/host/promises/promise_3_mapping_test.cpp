// Promise 3: once a pager is open, and its budgets stay, it maps no memory and gives none back while tensors come and go.
#include <gtest/gtest.h>

#include <random>

#include <tests/support/metered_device.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint32_t tensors = 60;

std::vector<std::uint64_t> mixed_sizes() {
  std::mt19937_64 random(29);
  std::vector<std::uint64_t> sizes;
  for (std::uint32_t i = 0; i < tensors; ++i)
    sizes.push_back(std::uniform_int_distribution<std::uint64_t>(1, i % 3 == 0 ? 60'000 : 3000)(random));
  return sizes;
}

struct pages {
  char const* policy;
  bool ram;  // else tensors pass in a buffer, some of them in pieces
};
class mapping : public testing::TestWithParam<pages> {};

TEST_P(mapping, ends_with_the_first_pass) {
  watchdog const limit("a test of mapping calls");
  std::vector<std::uint64_t> const sizes = mixed_sizes();
  pattern_model const model = make_pattern_model(sizes);
  auto const metered = std::make_shared<metered_device>(std::make_shared<host_device>(
      host_device_options{.vram_granule_bytes = 16 * page, .jitter_seed = 7, .poison = true}));
  stream_reader reader{model.tensors};
  host_stream stream;
  pager paged(model.tensors, model.source, metered,
              {.vram = bytes(model.tensors.bytes() / 2),
               .ram = bytes(GetParam().ram ? model.tensors.bytes() / 3 : 0),
               .policy = GetParam().policy,
               .chunk_bytes = 4 * page});
  auto const use = [&](std::uint32_t which) {
    handle const held = paged.acquire(tensor_id{which}, stream);
    reader.read(held, stream);
  };
  for (std::uint32_t i = 0; i < tensors; ++i) use(i);
  std::uint64_t const first[] = {metered->calls(tier::vram), metered->calls(tier::ram)};
  EXPECT_GT(first[0], 0U);
  EXPECT_GT(first[1], 0U);
  std::mt19937_64 random(31);
  for (std::uint32_t i = 0; i < 4 * tensors; ++i) use(i % tensors);  // a scan
  for (std::uint32_t i = 0; i < 4 * tensors; ++i)
    use(static_cast<std::uint32_t>(random() % tensors));  // no order at all
  for (std::uint32_t i = 0; i < 4 * tensors; ++i) use(i % tensors);
  stream.synchronize();
  EXPECT_EQ(metered->calls(tier::vram), first[0]);
  EXPECT_EQ(metered->calls(tier::ram), first[1]);
  EXPECT_EQ(paged.stats().vram.last_resorts + paged.stats().ram.last_resorts, 0U);
  EXPECT_GT(paged.stats().ram.evictions(), 0U);
  EXPECT_EQ(reader.checked(), 13U * tensors);
  EXPECT_EQ(reader.wrong(), 0U);
}

INSTANTIATE_TEST_SUITE_P(policies, mapping,
                         testing::Values(pages{"lru", true}, pages{"auto", true}, pages{"lru", false},
                                         pages{"auto", false}),
                         [](auto const& each) {
                           return std::string(each.param.policy) + (each.param.ram ? "" : "_without_ram");
                         });

}  // namespace
}  // namespace tierpager::test
