// A file of known bytes in a directory of its own, removed with the object. For tests of what reads files; any thread,
// one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <host/open_file.hpp>

namespace tierpager::tests {

/// Bytes that differ from place to place and from seed to seed.
[[nodiscard]] std::vector<std::byte> seeded_bytes(std::size_t count, std::uint64_t seed);

/// As std::ranges::equal, but fast in builds without optimisation too.
[[nodiscard]] bool same_bytes(std::span<std::byte const> left, std::span<std::byte const> right);

class scratch_file {
 public:
  explicit scratch_file(std::span<std::byte const> content);
  scratch_file(scratch_file const&) = delete;
  scratch_file& operator=(scratch_file const&) = delete;
  ~scratch_file();

  [[nodiscard]] std::string path() const { return (directory_ / "data").string(); }
  [[nodiscard]] open_file open() const;
  void truncate(std::uint64_t bytes) const;
  /// Writes into the file as it stands, with a modification time that differs from the one before.
  void overwrite(std::uint64_t offset, std::span<std::byte const> content) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace tierpager::tests
