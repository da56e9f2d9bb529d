#include <bench/comparison/comparison_cache.hpp>

#include <cassert>
#include <charconv>

#include <bench/comparison/arc.hpp>
#include <bench/comparison/decayed_lfu.hpp>
#include <bench/comparison/lru.hpp>
#include <bench/comparison/s3fifo.hpp>
#include <bench/comparison/sieve.hpp>

namespace tierpager::tools {

comparison_cache::comparison_cache(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes)
    : capacity_bytes_(capacity_bytes), tensor_bytes_(tensor_bytes), in_(tensor_bytes.size(), false) {}

bool comparison_cache::access(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  next_access();
  if (in_[index]) {
    hit(index);
    return true;
  }
  std::uint64_t const bytes = tensor_bytes_[index];
  if (bytes > capacity_bytes_) return false;
  missed(index);
  while (bytes > capacity_bytes_ - used_bytes_) {
    std::uint32_t const victim = take_victim();
    assert(in_[victim]);
    in_[victim] = false;
    used_bytes_ -= tensor_bytes_[victim];
    ++evictions_;
  }
  in_[index] = true;
  used_bytes_ += bytes;
  insert(index);
  return false;
}

std::unique_ptr<comparison_cache> make_comparison_cache(std::string_view name, std::uint64_t capacity_bytes,
                                                        std::span<std::uint64_t const> tensor_bytes) {
  if (name == "lru") return std::make_unique<lru>(capacity_bytes, tensor_bytes);
  if (name == "sieve") return std::make_unique<sieve>(capacity_bytes, tensor_bytes);
  if (name == "s3fifo") return std::make_unique<s3fifo>(capacity_bytes, tensor_bytes);
  if (name == "arc") return std::make_unique<arc>(capacity_bytes, tensor_bytes);
  constexpr std::string_view lfu = "lfu-";
  if (!name.starts_with(lfu)) return nullptr;
  name.remove_prefix(lfu.size());
  unsigned half_life_passes = 0;
  auto const [end, problem] = std::from_chars(name.data(), name.data() + name.size(), half_life_passes);
  if (problem != std::errc{} || end != name.data() + name.size() || half_life_passes == 0) return nullptr;
  return std::make_unique<decayed_lfu>(capacity_bytes, tensor_bytes, half_life_passes);
}

}  // namespace tierpager::tools
