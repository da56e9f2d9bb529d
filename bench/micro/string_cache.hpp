// The baseline of a hit: what one writes first. A mutex, a hash map from names to nodes and a list in the order of use.
// Any thread. Loads nothing and evicts nothing; benchmarks only.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

namespace tierpager::bench {

class string_cache {
 public:
  explicit string_cache(std::span<std::string const> names);

  [[nodiscard]] std::byte const* acquire(std::string const& name);
  void release(std::string const& name);

  struct node {
    std::byte const* data = nullptr;
    std::uint64_t uses = 0;
    std::list<std::string const*>::iterator place;
  };
  /// The same with a handle: who releases it need not find the name again.
  [[nodiscard]] node& acquire_node(std::string const& name);
  void release_node(node& of);

 private:
  std::mutex mutex_;
  std::list<std::string const*> by_use_;
  std::unordered_map<std::string, node> by_name_;
};

}  // namespace tierpager::bench
