// Model files as real ones are: what other readers open is paged and verified, many shards take no more descriptors than the
// system allows, and a file that changes under a run fails it.
#include <filesystem>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tests/core/format/format_bytes.hpp>
#include <tests/corpus/malformed.hpp>
#include <tests/tools/command_runner.hpp>

namespace tierpager::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

TEST(model_files, that_are_unusual_are_verified) {
  for (auto const& list : {testing::unusual_gguf(), testing::unusual_safetensors()}) {
    for (testing::unusual_model const& model : list) {
      scratch_directory const folder;
      for (testing::corpus_file const& file : model.files) {
        fs::create_directories(fs::path(folder.path(file.name)).parent_path());
        write_file(folder.path(file.name), file.content);
      }
      outcome const verified = tierpager_command({"verify", folder.path(model.files.front().name), "--device", "host"});
      EXPECT_EQ(verified.exit_code, 0) << model.name << ": " << verified.errors;
      EXPECT_THAT(verified.output, HasSubstr("every one as in the file")) << model.name;
    }
  }
}

/// A command that may have no more descriptors than told.
outcome limited(int soft, int hard, std::string const& arguments) {
  std::string const limit = "ulimit -Sn " + std::to_string(soft) + " && ulimit -Hn " + std::to_string(hard);
  return running_command("/bin/sh", {"-c", limit + " && exec " + tierpager_path() + " " + arguments}).wait();
}

std::string sharded_model(scratch_directory const& folder, int shards) {
  std::string map;
  for (int i = 0; i < shards; ++i) {
    std::string const name = "m-" + std::to_string(i) + ".safetensors";
    std::string const tensor = "t" + std::to_string(i);
    write_file(folder.path(name),
               testing::safetensors_file("{\"" + tensor + R"(":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 9));
    map += (map.empty() ? "\"" : ",\"") + tensor + "\":\"" + name + "\"";
  }
  write_file(folder.path("m.safetensors.index.json"), R"({"weight_map":{)" + map + "}}");
  return folder.path("m.safetensors.index.json");
}

TEST(model_files, may_be_more_than_the_soft_limit_of_descriptors) {
  scratch_directory const folder;
  std::string const model = sharded_model(folder, 60);
  for (std::string const command :
       {"inspect ", "plan --vram 4MiB --ram 4MiB ", "run --device host --vram 4MiB --ram 4MiB --verify ",
        "run --device host --vram 4MiB --ram 4MiB --source mmap --verify ", "verify --device host "}) {
    outcome const ended = limited(32, 256, command + model);
    EXPECT_EQ(ended.exit_code, 0) << command << ended.errors;
    EXPECT_THAT(ended.output, HasSubstr("60 tensors"));
  }
}

TEST(model_files, beyond_the_hard_limit_of_descriptors_are_refused_with_the_limit) {
  scratch_directory const folder;
  outcome const ended = limited(32, 40, "inspect " + sharded_model(folder, 60));
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.errors, HasSubstr(folder.path("m-")));
  EXPECT_THAT(ended.errors, HasSubstr("40 files open"));
  EXPECT_THAT(ended.errors, HasSubstr("ulimit -Hn"));
}

struct change {
  std::string name;
  std::function<void(std::string const& path)> make;
  std::string says;
};

void overwrite(std::string const& path) {
  int const file = ::open(path.c_str(), O_WRONLY);
  std::string const zeros(4096, '\0');
  struct stat info = {};
  EXPECT_EQ(::fstat(file, &info), 0);
  for (off_t at = info.st_size / 4; at + 4096 <= info.st_size; at += 4096)
    EXPECT_EQ(::pwrite(file, zeros.data(), zeros.size(), at), 4096);
  EXPECT_EQ(::close(file), 0);
}

std::vector<change> changes() {
  return {{"cut", [](auto const& path) { fs::resize_file(path, 4096 * 10); }, "cut short"},
          {"overwritten, its time put back",
           [](auto const& path) {
             auto const before = fs::last_write_time(path);
             overwrite(path);
             fs::last_write_time(path, before);
           },
           "change time"},
          {"replaced",
           [](auto const& path) {
             fs::copy_file(path, path + ".new");
             overwrite(path + ".new");
             fs::rename(path + ".new", path);
           },
           "inode"},
          {"deleted", [](auto const& path) { fs::remove(path); }, "deleted"},
          {"grown", [](auto const& path) { fs::resize_file(path, fs::file_size(path) + 1); }, "size"},
          {"touched", [](auto const& path) { fs::last_write_time(path, fs::file_time_type::clock::now()); },
           "modification time"}};
}

bool has_open(running_command const& running, std::string const& path) {
  std::error_code ignored;
  for (fs::directory_iterator each("/proc/" + std::to_string(running.process()) + "/fd", ignored), end;
       !ignored && each != end; each.increment(ignored))
    if (fs::read_symlink(*each, ignored) == path) return true;
  return false;
}

// A change within one tick of the file system's clock cannot be told by its times.
void let_the_clock_tick(scratch_directory const& folder) {
  auto const now = [&] {
    write_file(folder.path("tick"), "");
    return fs::last_write_time(folder.path("tick"));
  };
  auto const begin = now();
  while (now() == begin) {
  }
}

TEST(model_files, that_change_while_they_are_paged_fail_the_run_with_what_changed) {
  for (change const& each : changes()) {
    for (std::string const source : {"pread", "mmap"}) {
      for (bool const verify : {false, true}) {
        scratch_directory const folder;
        std::string const model = folder.path("m.safetensors");
        make_model({"--equal", "400", "--bytes", "65536", model});
        let_the_clock_tick(folder);
        // A pass takes 20 seconds, so that the change comes in its midst whatever else the machine does.
        std::vector<std::string> arguments = {"run",   model,  "--device", "host",   "--vram",   "1MiB",
                                              "--ram", "1MiB", "--disk",   "0.0013", "--source", source};
        if (verify) arguments.emplace_back("--verify");
        running_command running(tierpager_path(), arguments);
        while (!has_open(running, model) && !running.ended()) std::this_thread::yield();
        each.make(model);
        outcome const ended = running.wait();
        EXPECT_EQ(ended.exit_code, 1) << each.name << " " << source;
        EXPECT_THAT(ended.errors, HasSubstr(model + ": ")) << each.name << " " << source;
        // The last three where the change came while the model was being opened, for the first time or to verify it.
        EXPECT_THAT(ended.errors, AnyOf(HasSubstr(each.says), HasSubstr("cannot be opened"), HasSubstr("past the end"),
                                        HasSubstr("behind its last tensor")))
            << each.name << " " << source;
      }
    }
  }
}

}  // namespace
}  // namespace tierpager::tests
