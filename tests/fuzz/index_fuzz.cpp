// The index of a sharded model: the input is its text.
#include <core/format/names.hpp>
#include <core/format/shard_index.hpp>

#include "checks.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t bytes) {
  using namespace tierpager;
  using testing::require;
  auto const text = testing::text_of(data, bytes);
  auto const index = testing::read_in_bounds(bytes, [&] { return shard_index::parse(text); });
  if (!index.ok()) {
    testing::check_refusal(index.error(), bytes);
    return 0;
  }
  for (std::string const& each : index->shards()) require(path_inside(each) == each, "lets a shard lie elsewhere");
  for (std::size_t i = 0; i < index->size(); ++i) {
    require(index->find(index->name(i)) == i, "does not find a tensor by its name");
    require(index->shard(i) < index->shards().size(), "places a tensor in no shard");
    require(index->byte(i) < bytes && text[index->byte(i)] == '"', "does not know where a name stands");
  }
  return 0;
}
