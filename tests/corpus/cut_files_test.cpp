// Every cut of a good header, from nothing to one byte short, is refused at a byte that is there, in little memory.
#include <gtest/gtest.h>

#include <core/format/gguf.hpp>
#include <core/format/manifest.hpp>
#include <core/format/safetensors.hpp>
#include <core/format/shard_index.hpp>
#include <host/read_catalog.hpp>
#include <tests/core/format/format_bytes.hpp>
#include <tests/corpus/malformed.hpp>
#include <tests/host/temporary_folder.hpp>
#include <tests/support/counted_allocations.hpp>

namespace tierpager::testing {
namespace {

/// Both as a reader sees it and as a program opens it.
template <class Read>
void expect_every_cut_refused(std::string const& name, std::string const& whole, std::uint64_t header_bytes,
                              Read const& read) {
  ASSERT_TRUE(read(whole).ok()) << read(whole).error().describe();
  temporary_folder const folder;
  for (std::uint64_t bytes = 0; bytes < header_bytes; ++bytes) {
    std::string const cut = whole.substr(0, bytes);
    std::size_t const peak = peak_bytes_of([&] {
      auto const answer = read(cut);
      ASSERT_FALSE(answer.ok()) << name << " cut to " << bytes;
      EXPECT_EQ(answer.error().code, errc::malformed_file) << bytes;
      EXPECT_TRUE(answer.error().byte && *answer.error().byte <= bytes) << answer.error().describe();
    });
    ASSERT_LE(peak, promised_bytes(bytes));
    std::string const path = folder.write(name, cut);
    auto const opened = read_catalog({path});
    ASSERT_FALSE(opened.ok()) << name << " cut to " << bytes;
    EXPECT_EQ(opened.error().code, errc::malformed_file) << bytes;
    EXPECT_EQ(opened.error().file, path);
    EXPECT_TRUE(opened.error().byte && *opened.error().byte <= bytes) << opened.error().describe();
  }
}

TEST(cut_files, of_gguf_are_refused_at_every_byte) {
  auto const read = [](std::string const& text) { return read_gguf(bytes_of(text), text.size()); };
  expect_every_cut_refused("m.gguf", good_gguf(), good_gguf().size() - good_gguf_padding_bytes(), read);
  EXPECT_GT(good_gguf().size(), good_gguf_header_bytes());
}

TEST(cut_files, of_safetensors_are_refused_at_every_byte) {
  auto const read = [](std::string const& text) {
    return read_safetensors(bytes_of(text), text.size(), trailing_bytes::refuse);
  };
  expect_every_cut_refused("m.safetensors", good_safetensors(), good_safetensors().size(), read);
  auto const leave = [](std::string const& text) {
    return read_safetensors(bytes_of(text), text.size(), trailing_bytes::allow);
  };
  expect_every_cut_refused("m.safetensors", good_safetensors(), good_safetensors_header_bytes(), leave);
}

TEST(cut_files, of_indexes_are_refused_at_every_byte) {
  expect_every_cut_refused("m.safetensors.index.json", good_index(), good_index().size(), shard_index::parse);
}

TEST(cut_files, of_manifests_are_refused_at_every_byte) {
  expect_every_cut_refused("m.json", good_manifest(), good_manifest().size(), read_manifest);
}

}  // namespace
}  // namespace tierpager::testing
