// Who holds what: the uses of each tensor in each tier, counted by owner. Not thread-safe; decides nothing. A table a tier,
// with linear probing: adding and removing a use allocates nothing, unless more is held at once than ever before, and what
// an owner no longer holds leaves no trace. Questions about all that an owner holds look at the whole table.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <set>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

class holders {
 public:
  /// Another use.
  void add(owner_id owner, tensor_id id, tier where) {
    table& in = in_[static_cast<std::size_t>(where)];
    entry& own = in.entries[in.find(owner, id)];
    if (own.uses++ > 0) return;
    own.owner = owner;
    own.id = id;
    if (2 * ++in.taken > in.entries.size()) [[unlikely]]
      in.grow();
  }
  /// One use less, of those added.
  void remove(owner_id owner, tensor_id id, tier where) {
    table& in = in_[static_cast<std::size_t>(where)];
    std::size_t const at = in.find(owner, id);
    assert(in.entries[at].uses > 0);
    if (--in.entries[at].uses == 0) in.close_gap(at);
  }
  [[nodiscard]] bool holds(owner_id owner, tensor_id id, tier where) const {
    table const& in = in_[static_cast<std::size_t>(where)];
    return in.entries[in.find(owner, id)].uses > 0;
  }
  /// Calls `see(owner, id, uses)` for each tensor that an owner uses in that tier, in no order.
  template <class See>
  void each(tier where, See const& see) const {
    for (entry const& taken : in_[static_cast<std::size_t>(where)].entries)
      if (taken.uses > 0) see(taken.owner, taken.id, taken.uses);
  }
  [[nodiscard]] bool holds_any(owner_id owner) const;
  /// Whether there are uses in that tier, and all are this owner's.
  [[nodiscard]] bool holds_all(owner_id owner, tier where) const;

  /// A handle of this owner was released by somebody else. Remembered of the owners with the highest ids, which are the
  /// latest.
  void released_elsewhere(owner_id owner);
  [[nodiscard]] bool may_be_released_elsewhere(owner_id owner) const { return released_elsewhere_.contains(owner); }

 private:
  struct entry {
    owner_id owner{};
    tensor_id id{};
    std::uint32_t uses = 0;  // none: the place is free
  };
  struct table {
    [[nodiscard]] std::size_t mask() const { return entries.size() - 1; }
    /// Owners and tensors are numbered one by one, so that their bits have to be spread.
    [[nodiscard]] std::size_t home(owner_id owner, tensor_id id) const {
      return (static_cast<std::uint64_t>(owner) * 0x9e3779b97f4a7c15U ^ index_of(id) * 0xc2b2ae3d27d4eb4fU) >> 32U &
             mask();
    }
    /// Where it is, or the free place where it would go.
    [[nodiscard]] std::size_t find(owner_id owner, tensor_id id) const {
      std::size_t at = home(owner, id);
      while (entries[at].uses > 0 && (entries[at].owner != owner || entries[at].id != id)) at = (at + 1) & mask();
      return at;
    }
    void close_gap(std::size_t at);
    void grow();

    std::vector<entry> entries = std::vector<entry>(64);  // a power of two, at most half of it taken
    std::size_t taken = 0;
  };

  std::array<table, 2> in_;
  std::set<owner_id> released_elsewhere_;
};

}  // namespace tierpager
