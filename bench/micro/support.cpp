#include <bench/micro/support.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <random>

#include <host/host_device.hpp>

namespace tierpager::bench {
namespace {

class instant_device final : public device {
 public:
  [[nodiscard]] std::string_view name() const override { return "instant"; }
  [[nodiscard]] std::uint64_t granule_bytes(tier where) const override { return memory_.granule_bytes(where); }
  [[nodiscard]] bool ram_is_page_locked() const override { return memory_.ram_is_page_locked(); }
  [[nodiscard]] std::optional<failure> page_lock_failure() const override { return std::nullopt; }
  [[nodiscard]] bool vram_is_ram() const override { return false; }
  [[nodiscard]] bool can_remap(tier) const override { return true; }
  [[nodiscard]] std::uint64_t overhead_bytes(tier) const override { return 0; }
  result<std::uint64_t> free_vram_bytes() override { return memory_.free_vram_bytes(); }
  void prepare_thread() noexcept override {}
  result<std::byte*> reserve(tier where, std::uint64_t bytes) override { return memory_.reserve(where, bytes); }
  // VRAM is address space only: nothing is ever read or written there.
  status commit(tier where, byte_range range) override {
    return where == tier::vram ? status() : memory_.commit(where, range);
  }
  status decommit(tier where, byte_range range) override {
    return where == tier::vram ? status() : memory_.decommit(where, range);
  }
  result<fence> copy_async(std::uint64_t, std::uint64_t, std::uint64_t) override { return next(0); }
  [[nodiscard]] stream_ref copy_stream() override { return instant_stream(0); }
  result<bool> capturing(stream_ref) override { return false; }
  result<fence> record(stream_ref stream) override { return next(number_of(stream)); }
  status wait(stream_ref, fence) override { return {}; }
  result<bool> passed(fence) override { return true; }
  status retire(stream_ref) override { return {}; }
  status checksum_async(stream_ref, std::span<std::byte const>, std::byte*, std::span<std::byte>) override {
    return failure{.code = errc::unsupported, .what = "no checksums"};
  }
  [[nodiscard]] std::uint64_t checksum_scratch_bytes() const override { return 0; }
  tierpager::result<std::uint64_t> read_back(stream_ref, std::byte const*) override { return std::uint64_t{0}; }
  result<stream_ref> make_stream() override { return instant_stream(1 + made_++ % 63); }

 private:
  struct alignas(64) counter {
    std::atomic<std::uint64_t> value = 0;
  };
  static std::uint32_t number_of(stream_ref stream) {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(stream.get()) / 64 - 1);
  }
  fence next(std::uint32_t stream) {
    return {.stream = stream, .sequence = sequences_.at(stream).value.fetch_add(1, std::memory_order_relaxed) + 1};
  }

  host_device memory_;
  std::array<counter, 64> sequences_{};
  std::atomic<std::uintptr_t> made_ = 0;
};

}  // namespace

std::shared_ptr<device> make_instant_device() { return std::make_shared<instant_device>(); }

stream_ref instant_stream(std::uintptr_t number) { return stream_ref(reinterpret_cast<void*>((number + 1) * 64)); }

std::vector<std::string> tensor_names(std::size_t count) {
  static constexpr std::array<char const*, 9> parts{"attn_q.weight",      "attn_k.weight",    "attn_v.weight",
                                                    "attn_output.weight", "ffn_gate.weight",  "ffn_up.weight",
                                                    "ffn_down.weight",    "attn_norm.weight", "ffn_norm.weight"};
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i)
    names.push_back("blk." + std::to_string(i / parts.size()) + "." + parts.at(i % parts.size()));
  return names;
}

catalog make_catalog(std::size_t tensors, std::uint64_t bytes_each) {
  catalog made;
  (void)made.add_file("model");
  made.reserve(tensors);
  std::uint64_t offset = 0;
  for (std::string& name : tensor_names(tensors)) {
    value_or_throw(made.add(
        {.name = std::move(name), .dtype = "BF16", .shape = {bytes_each / 2}, .offset = offset, .bytes = bytes_each}));
    offset += bytes_each;
  }
  return made;
}

std::vector<tensor_id> random_ids(std::size_t tensors, std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<tensor_id> ids;
  std::vector<std::uint32_t> order(tensors);
  std::iota(order.begin(), order.end(), 0U);
  while (ids.size() < count) {
    std::shuffle(order.begin(), order.end(), random);
    for (std::uint32_t id : order) ids.push_back(tensor_id{id});
  }
  ids.resize(count);
  return ids;
}

void acquire_each(pager& from, stream_ref stream) {
  for (std::size_t i = 0; i < from.tensors().size(); ++i)
    (void)from.acquire(tensor_id{static_cast<std::uint32_t>(i)}, stream);
}

}  // namespace tierpager::bench
