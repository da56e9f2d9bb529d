// A program whose core is compiled with -finstrument-functions: prints the address of each function of the core that one acquire
// passes through which misses both tiers, from the call to the release of its handle. Both tiers are full, so that victims leave.
// Usage: files_of_a_miss POLICY. tests/full/files_of_a_miss counts the files that these functions are in.
#include <cstdio>
#include <set>
#include <string>

#include <core/residency/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace {

bool recording = false;
std::set<void*>* functions = nullptr;

}  // namespace

extern "C" {
__attribute__((no_instrument_function)) void __cyg_profile_func_enter(void* function, void* /*caller*/) {
  if (!recording) return;
  recording = false;
  functions->insert(function);
  recording = true;
}
__attribute__((no_instrument_function)) void __cyg_profile_func_exit(void* /*function*/, void* /*caller*/) {}
}

namespace {

using namespace tierpager;

constexpr std::uint64_t tensor_bytes = 16384;

class driven_core {
 public:
  explicit driven_core(std::string const& policy)
      : core_(model_.tensors,
              {.vram = {.budget_bytes = 3 * tensor_bytes},
               .ram = {.budget_bytes = 5 * tensor_bytes},
               .chunk_bytes = 4096},
              make_eviction_policy(policy, sizes_).value(), make_eviction_policy(policy, sizes_).value()) {
    carry_out();
  }
  void use(std::uint32_t number) {
    tensor_id const id{number};
    (void)core_.acquire(std::span(&id, 1), tier::vram, owner_id{}).value();
    carry_out();
    core_.release(id, tier::vram, owner_id{}, fence{.stream = 1, .sequence = ++uses_});
    carry_out();
  }

 private:
  void carry_out() {
    std::vector<command> next;
    for (core_.take_commands(next); !next.empty(); next.clear(), core_.take_commands(next)) {
      for (command const& each : next) {
        if (auto const* remap = std::get_if<remap_command>(&each))
          core_.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
        if (auto const* read = std::get_if<read_command>(&each)) core_.read_done(read->tensor, read->chunk, {});
        if (auto const* copy = std::get_if<copy_command>(&each))
          core_.copy_queued(copy->tensor, copy->chunk, {.stream = 0, .sequence = ++copies_});
        if (auto const* watch = std::get_if<watch_command>(&each)) core_.passed(watch->until);
        if (auto const* ask = std::get_if<ask_command>(&each)) core_.passed(ask->about);
      }
    }
  }

  std::vector<std::uint64_t> sizes_ = std::vector<std::uint64_t>(12, tensor_bytes);
  test::pattern_model model_ = test::make_pattern_model(sizes_);
  residency core_;
  std::uint64_t copies_ = 0, uses_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  functions = new std::set<void*>;
  driven_core core(argv[1]);
  for (std::uint32_t const number :
       {0U, 5U, 2U, 7U, 1U, 3U, 9U, 4U, 8U, 6U, 11U, 10U, 2U, 3U, 0U, 1U, 7U, 5U, 9U, 11U, 4U, 6U})
    core.use(number);
  recording = true;
  core.use(10);
  recording = false;
  for (void* function : *functions) std::printf("%p\n", function);
}
