#include <tests/support/scratch_file.hpp>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <tierpager/checksum.hpp>

namespace tierpager::tests {

namespace fs = std::filesystem;

std::vector<std::byte> seeded_bytes(std::size_t count, std::uint64_t seed) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<std::byte>(checksum_term(seed, i / 8) >> (8 * (i % 8)));
  return bytes;
}

bool same_bytes(std::span<std::byte const> left, std::span<std::byte const> right) {
  return left.size() == right.size() && (left.empty() || std::memcmp(left.data(), right.data(), left.size()) == 0);
}

scratch_file::scratch_file(std::span<std::byte const> content) {
  std::string pattern = (fs::temp_directory_path() / "tierpager-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory " + pattern);
  directory_ = pattern;
  std::ofstream out(path(), std::ios::binary);
  out.write(reinterpret_cast<char const*>(content.data()), static_cast<std::streamsize>(content.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + path());
}

scratch_file::~scratch_file() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

open_file scratch_file::open() const { return value_or_throw(open_file::open(path())); }

void scratch_file::truncate(std::uint64_t bytes) const { fs::resize_file(path(), bytes); }

void scratch_file::overwrite(std::uint64_t offset, std::span<std::byte const> content) const {
  auto const before = fs::last_write_time(path());
  std::fstream out(path(), std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(offset));
  out.write(reinterpret_cast<char const*>(content.data()), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) throw std::runtime_error("cannot overwrite " + path());
  // Both writes may fall into one tick of the file system's clock.
  fs::last_write_time(path(), before + std::chrono::seconds(1));
}

}  // namespace tierpager::tests
