// Opens every model of the corpus as a program would. Each must be refused with its code, the file, the tensor and the
// byte, within the memory that the design promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>

#include <sys/stat.h>

#include <host/read_catalog.hpp>
#include <tests/corpus/malformed.hpp>
#include <tests/host/temporary_folder.hpp>
#include <tests/support/counted_allocations.hpp>

namespace tierpager::testing {
namespace {

using ::testing::HasSubstr;

/// The path of the first file.
std::string write(temporary_folder const& folder, std::vector<corpus_file> const& files) {
  for (corpus_file const& each : files) {
    std::string const path = folder.path(each.name);
    switch (each.kind) {
      case file_kind::regular:
        (void)folder.write(each.name, each.content);
        if (each.hole_bytes != 0) std::filesystem::resize_file(path, each.content.size() + each.hole_bytes);
        break;
      case file_kind::directory: std::filesystem::create_directory(path); break;
      case file_kind::fifo: EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0); break;
    }
  }
  return folder.path(files.front().name);
}

std::size_t bytes_of(std::vector<corpus_file> const& files) {
  std::size_t bytes = 0;
  // A hole of a text is read to see that it is too long; that of a binary header is never looked at.
  for (corpus_file const& each : files)
    bytes += each.content.size() + (each.name.ends_with(".json") ? each.hole_bytes : 0);
  return bytes;
}

void expect_refused(malformed_model const& model) {
  SCOPED_TRACE(model.row + " " + model.name);
  temporary_folder const folder;
  std::string const path = write(folder, model.files);
  std::optional<failure> why;
  std::size_t const peak = peak_bytes_of([&] {
    if (auto opened = read_catalog({path}); !opened.ok()) why = opened.error();
  });
  EXPECT_LE(peak, promised_bytes(bytes_of(model.files)));
  ASSERT_TRUE(why) << "was accepted";
  EXPECT_EQ(why->code, model.code) << why->describe();
  EXPECT_EQ(why->file, model.blamed.empty() ? path : folder.path(model.blamed)) << why->describe();
  EXPECT_EQ(why->tensor, model.tensor) << why->describe();
  EXPECT_EQ(why->byte, model.byte) << why->describe();
  EXPECT_THAT(why->what, HasSubstr(model.what));
  std::string const place = model.byte ? ", at byte " + std::to_string(*model.byte) : "";
  EXPECT_THAT(why->describe(), ::testing::EndsWith(place));
}

void expect_all_refused(malformed_models const& models) {
  for (malformed_model const& each : models) expect_refused(each);
}

TEST(malformed_models, of_gguf_are_refused) { expect_all_refused(malformed_gguf()); }
TEST(malformed_models, of_gguf_tensors_are_refused) { expect_all_refused(malformed_gguf_tensors()); }
TEST(malformed_models, of_a_million_names_are_refused) { expect_all_refused(malformed_gguf_of_a_million()); }
TEST(malformed_models, of_split_gguf_are_refused) { expect_all_refused(malformed_split_gguf()); }
TEST(malformed_models, of_safetensors_are_refused) { expect_all_refused(malformed_safetensors()); }
TEST(malformed_models, of_safetensors_entries_are_refused) { expect_all_refused(malformed_safetensors_entries()); }
TEST(malformed_models, of_indexes_and_shards_are_refused) { expect_all_refused(malformed_indexes()); }
TEST(malformed_models, of_manifests_are_refused) { expect_all_refused(malformed_manifests()); }

malformed_models all_models() {
  malformed_models all;
  for (auto const list : {malformed_gguf, malformed_gguf_tensors, malformed_gguf_of_a_million, malformed_split_gguf,
                          malformed_safetensors, malformed_safetensors_entries, malformed_indexes, malformed_manifests})
    for (malformed_model& each : list()) all.push_back(std::move(each));
  return all;
}

TEST(malformed_models, are_those_of_the_page) {
  std::set<std::string> on_the_page;
  std::ifstream page(TIERPAGER_ROOT "/docs/malformed_files.md");
  std::regex const row("^\\| ([GSIR][0-9]+) \\|.*");
  std::smatch found;
  for (std::string line; std::getline(page, line);)
    if (std::regex_match(line, found, row)) on_the_page.insert(found[1]);

  std::map<char, int> counts;
  std::set<std::string> rows, names;
  for (malformed_model const& each : all_models()) {
    ++counts[each.row.front()];
    rows.insert(each.row);
    EXPECT_TRUE(names.insert(each.row + " " + each.name).second) << each.row << " " << each.name;
  }
  std::printf("%zu malformed models: %d GGUF, %d safetensors, %d indexes, %d manifests\n", names.size(), counts['G'],
              counts['S'], counts['I'], counts['R']);
  EXPECT_EQ(rows, on_the_page);
  EXPECT_EQ(names.size(), 269U);
}

void expect_read(std::vector<unusual_model> const& models) {
  for (unusual_model const& model : models) {
    SCOPED_TRACE(model.name);
    temporary_folder const folder;
    auto const opened = read_catalog({write(folder, model.files)});
    ASSERT_TRUE(opened.ok()) << opened.error().describe();
    std::vector<std::string> read;
    for (tensor_info const& each : opened->tensors)
      read.push_back(each.name + " " + each.dtype + " " + std::to_string(each.bytes));
    EXPECT_EQ(read, model.tensors);
  }
}

TEST(unusual_models, of_gguf_are_read) { expect_read(unusual_gguf()); }
TEST(unusual_models, of_safetensors_and_indexes_are_read) { expect_read(unusual_safetensors()); }

TEST(malformed_models, leave_room_for_the_good_ones) {
  temporary_folder const folder;
  EXPECT_EQ(value_or_throw(read_catalog({folder.write("m.gguf", good_gguf())})).tensors.size(), 3U);
  EXPECT_EQ(value_or_throw(read_catalog({folder.write("m.safetensors", good_safetensors())})).tensors.size(), 5U);
  EXPECT_EQ(value_or_throw(read_headers({folder.write("m.json", good_manifest())})).size(), 3U);
}

}  // namespace
}  // namespace tierpager::testing
