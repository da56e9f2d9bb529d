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

  struct node {
    std::byte* data = nullptr;
    std::uint64_t uses = 0;
    std::list<std::string const*>::iterator place;
  };
  /// One use, until it is released.
  class use {
   public:
    use(string_cache& owner, node& of) : owner_(&owner), of_(&of) {}
    use(use const&) = delete;
    use& operator=(use const&) = delete;
    ~use() { owner_->release(*of_); }
    [[nodiscard]] std::byte const* data() const { return of_->data; }

   private:
    string_cache* owner_;
    node* of_;
  };
  use acquire(std::string const& name);
  /// The same without a set of one: each name found, all under one lock.
  void acquire_and_release_set(std::span<std::string const> names);

 private:
  void release(node& of);
  node& take(std::string const& name);

  std::mutex mutex_;
  std::list<std::string const*> by_use_;
  std::unordered_map<std::string, node> by_name_;
};

}  // namespace tierpager::bench
