// Sequences of dense ids, each id in one at most, that are joined and taken apart in logarithmic time: a treap each, whose
// priorities are hashes of the ids. Says whose sequence an id is in. No allocation after construction. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <core/mixed_id.hpp>

namespace tierpager {

class id_sequences {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  /// Ids, and owners, are below that.
  explicit id_sequences(std::size_t ids) : nodes_(ids) {}

  /// One, named by what `join` returned or by the only id that is in it; `none` is an empty one.
  using sequence = std::uint32_t;
  /// All of the first, then all of the second. Neither is to be named any more.
  sequence join(sequence first, sequence second) {
    sequence const joined = merged(first, second);
    if (joined != none) nodes_[joined].above = none;
    return joined;
  }
  void set_owner(sequence of, std::uint32_t owner) {
    if (of != none) nodes_[of].owner = owner;
  }
  /// Whose the sequence is that the id is in.
  [[nodiscard]] std::uint32_t owner_of(std::uint32_t id) const {
    while (nodes_[id].above != none) id = nodes_[id].above;
    return nodes_[id].owner;
  }
  /// Takes the id out: what came before it, and what came behind. Neither has an owner, and the id is in none.
  std::pair<sequence, sequence> take_apart(std::uint32_t id) {
    std::array<std::uint32_t, 2> parts = nodes_[id].below;
    std::uint32_t child = id;
    for (std::uint32_t at = nodes_[id].above; at != none;) {
      std::size_t const side = nodes_[at].below[1] == child ? 1 : 0;
      std::uint32_t& part = parts[1 - side];  // which it and its other side belong to
      put_below(at, side, part);
      part = child = at;
      at = nodes_[at].above;
    }
    for (std::uint32_t const part : parts)
      if (part != none) nodes_[part].above = none;
    nodes_[id] = {};
    return {parts[0], parts[1]};
  }

 private:
  struct node {
    std::uint32_t above = none;
    std::uint32_t owner = none;  // of the sequence whose highest this is
    std::array<std::uint32_t, 2> below{none, none};
  };

  void put_below(std::uint32_t id, std::size_t side, std::uint32_t other) {
    nodes_[id].below[side] = other;
    if (other != none) nodes_[other].above = id;
  }
  std::uint32_t merged(std::uint32_t first, std::uint32_t second) {
    if (first == none || second == none) return first == none ? second : first;
    bool const first_is_above = mixed_id(first) > mixed_id(second);
    if (first_is_above)
      put_below(first, 1, merged(nodes_[first].below[1], second));
    else
      put_below(second, 0, merged(first, nodes_[second].below[0]));
    return first_is_above ? first : second;
  }

  std::vector<node> nodes_;
};

}  // namespace tierpager
