// Promise 7: nothing in a model file can crash the reader, or make it open a file outside the model's directory. What
// each format refuses is tested with the formats; here whole models are opened as a program would open them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include <sys/inotify.h>
#include <unistd.h>

#include <tests/support/paged_reading.hpp>
#include <tierpager/open.hpp>

namespace tierpager::test {
namespace {

namespace fs = std::filesystem;

std::string header_length(std::uint64_t bytes) {
  std::string text(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(bytes >> (8 * i));
  return text;
}

std::string safetensors_of(std::string const& header, std::uint64_t data_bytes) {
  return header_length(header.size()) + header + std::string(data_bytes, 'w');
}

/// A directory that holds a model, beside one file that no model may reach.
struct promise_7_hostile_headers : testing::Test {
  fs::path root, directory, secret;

  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "tierpager-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root = pattern;
    directory = root / "model";
    fs::create_directory(directory);
    secret = root / "secret.safetensors";
    write(secret, safetensors_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 4));
  }
  void TearDown() override { fs::remove_all(root); }

  static void write(fs::path const& path, std::string const& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  static std::optional<failure> open(fs::path const& path) {
    return failure_of([&] {
      return tierpager::open(path.string(), {.vram = bytes(64 * page), .ram = bytes(64 * page)},
                             {.device = device_kind::host})
          .tensors()
          .size();
    });
  }
};

/// Sees whether a file was opened by anyone.
class open_watch {
 public:
  explicit open_watch(fs::path const& path) : queue_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    works_ = queue_ >= 0 && ::inotify_add_watch(queue_, path.c_str(), IN_OPEN) >= 0;
  }
  open_watch(open_watch const&) = delete;
  open_watch& operator=(open_watch const&) = delete;
  ~open_watch() {
    if (queue_ >= 0) (void)::close(queue_);
  }
  [[nodiscard]] bool works() const { return works_; }
  [[nodiscard]] bool opened() const {
    alignas(inotify_event) char event[sizeof(inotify_event) + 256];
    return ::read(queue_, event, sizeof event) > 0;
  }

 private:
  int queue_;
  bool works_ = false;
};

TEST_F(promise_7_hostile_headers, open_no_file_outside_the_models_directory) {
  open_watch const watch(secret);
  ASSERT_TRUE(watch.works());
  std::ifstream(secret).get();
  ASSERT_TRUE(watch.opened());  // it does see an open
  std::vector<std::string> const names = {"../secret.safetensors", secret.string(), "./../secret.safetensors",
                                          "../model/../secret.safetensors", "x/../../secret.safetensors"};
  for (std::string const& name : names) {
    fs::path const index = directory / "model.safetensors.index.json";
    write(index, R"({"weight_map":{"a":")" + name + R"("}})");
    auto why = open(index);
    EXPECT_TRUE(why && why->code == errc::malformed_file) << name << ": " << (why ? why->describe() : "opened");
    why = open(directory);
    EXPECT_TRUE(why && why->code == errc::malformed_file) << name << ": " << (why ? why->describe() : "opened");
    fs::remove(index);
    fs::path const manifest = directory / "manifest.json";
    write(manifest,
          R"({"tensors":[{"name":"a","file":")" + name + R"(","offset":0,"bytes":4,"dtype":"U8","shape":[4]}]})");
    why = open(manifest);
    EXPECT_TRUE(why && why->code == errc::malformed_file) << name << ": " << (why ? why->describe() : "opened");
    fs::remove(manifest);
  }
  EXPECT_FALSE(watch.opened());
}

TEST_F(promise_7_hostile_headers, are_errors_wherever_a_file_is_cut) {
  std::string const whole =
      safetensors_of(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                     R"("b":{"dtype":"U8","shape":[],"data_offsets":[24,25]}})",
                     25);
  fs::path const path = directory / "model.safetensors";
  write(path, whole);
  ASSERT_FALSE(open(path));
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    write(path, whole.substr(0, bytes));
    auto const why = open(path);
    ASSERT_TRUE(why) << "cut at " << bytes;
    EXPECT_EQ(why->file, path.string());
  }
}

TEST_F(promise_7_hostile_headers, are_errors_or_models_wherever_bytes_are_wrong) {
  std::string const index =
      R"({"metadata":{"total_size":8},"weight_map":{"a":"one.safetensors","b":"one.safetensors"}})";
  std::string const shard = safetensors_of(
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
      8);
  std::string const manifest =
      R"({"tensors":[{"name":"a","file":"one.safetensors","offset":8,"bytes":4,"dtype":"U8","shape":[2,2]}]})";
  std::string const gguf = "GGUF" + std::string("\3\0\0\0", 4) + header_length(1) + header_length(1) +
                           header_length(3) + "key" + std::string("\4\0\0\0\7\0\0\0", 8) + header_length(1) + "t" +
                           std::string("\1\0\0\0", 4) + header_length(4) + std::string(12, '\0') +
                           std::string(64, '\0');
  std::vector<std::pair<std::string, std::string>> const files = {{"model.safetensors.index.json", index},
                                                                  {"one.safetensors", shard},
                                                                  {"manifest.json", manifest},
                                                                  {"model.gguf", gguf}};
  for (auto const& [name, content] : files) write(directory / name, content);
  for (auto const& [name, content] : files)
    EXPECT_FALSE(open(directory / name)) << name << ": " << open(directory / name)->describe();
  std::mt19937_64 random(11);
  std::uint64_t refused = 0;
  for (int round = 0; round < 400; ++round) {
    auto const& [name, content] = files[static_cast<std::size_t>(round) % files.size()];
    std::string changed = content;
    for (int flips = 0; flips <= round % 4; ++flips)
      changed[random() % std::min<std::size_t>(changed.size(), 160)] = static_cast<char>(random());
    write(directory / name, changed);
    if (auto const why = open(directory / name)) {
      ++refused;
      EXPECT_FALSE(why->what.empty());
    }
    write(directory / name, content);
  }
  EXPECT_GT(refused, 200U);
}

TEST_F(promise_7_hostile_headers, leave_no_file_open) {
  auto const open_files = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  auto const before = open_files();
  write(directory / "manifest.json",
        R"({"tensors":[{"name":"a","file":"data","offset":0,"bytes":99,"dtype":"U8","shape":[99]}]})");
  write(directory / "data", "too short");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(open(directory / "manifest.json"));
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace tierpager::test
