#include <bench/micro/string_cache.hpp>

namespace tierpager::bench {

string_cache::string_cache(std::span<std::string const> names) {
  for (std::string const& name : names) {
    auto const at = by_name_.try_emplace(name).first;
    at->second.place = by_use_.insert(by_use_.end(), &at->first);
  }
}

string_cache::node& string_cache::take(std::string const& name) {
  node& found = by_name_.at(name);
  by_use_.splice(by_use_.end(), by_use_, found.place);
  ++found.uses;
  return found;
}

string_cache::use string_cache::acquire(std::string const& name) {
  std::scoped_lock const lock(mutex_);
  return {*this, take(name)};
}

void string_cache::release(node& of) {
  std::scoped_lock const lock(mutex_);
  --of.uses;
}

void string_cache::acquire_and_release_set(std::span<std::string const> names) {
  {
    std::scoped_lock const lock(mutex_);
    for (std::string const& name : names) (void)take(name);
  }
  std::scoped_lock const lock(mutex_);
  for (std::string const& name : names) --by_name_.at(name).uses;
}

}  // namespace tierpager::bench
