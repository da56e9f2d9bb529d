#include <bench/comparison/belady.hpp>

#include <limits>

namespace tierpager::tools {

belady::belady(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes,
               std::span<tensor_id const> accesses)
    : comparison_cache(capacity_bytes, tensor_bytes),
      next_uses_(accesses.size()),
      known_(tensor_bytes.size(), std::numeric_limits<std::size_t>::max()) {
  std::vector<std::size_t> later = known_;
  for (std::size_t i = accesses.size(); i-- > 0;) {
    next_uses_[i] = later[index_of(accesses[i])];
    later[index_of(accesses[i])] = i;
  }
}

void belady::hit(std::uint32_t id) {
  order_.erase({known_[id], id});
  insert(id);
}

std::uint32_t belady::take_victim() {
  std::uint32_t const victim = order_.rbegin()->second;
  order_.erase(std::prev(order_.end()));
  return victim;
}

void belady::insert(std::uint32_t id) {
  known_[id] = next_uses_.at(now_ - 1);
  order_.insert({known_[id], id});
}

std::unique_ptr<comparison_cache> make_belady(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes,
                                              std::span<tensor_id const> accesses) {
  return std::make_unique<belady>(capacity_bytes, tensor_bytes, accesses);
}

}  // namespace tierpager::tools
