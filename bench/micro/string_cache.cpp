#include <bench/micro/string_cache.hpp>

namespace tierpager::bench {

string_cache::string_cache(std::span<std::string const> names) {
  for (std::string const& name : names) {
    auto const at = by_name_.try_emplace(name).first;
    at->second.place = by_use_.insert(by_use_.end(), &at->first);
  }
}

string_cache::node& string_cache::acquire_node(std::string const& name) {
  std::scoped_lock const lock(mutex_);
  node& found = by_name_.at(name);
  by_use_.splice(by_use_.end(), by_use_, found.place);
  ++found.uses;
  return found;
}

std::byte const* string_cache::acquire(std::string const& name) { return acquire_node(name).data; }

void string_cache::release_node(node& of) {
  std::scoped_lock const lock(mutex_);
  --of.uses;
}

void string_cache::release(std::string const& name) {
  std::scoped_lock const lock(mutex_);
  --by_name_.at(name).uses;
}

}  // namespace tierpager::bench
