// What a pager costs on a GPU, and what becomes of one where its process forbids it: static storage, cudaDeviceReset.
#include <memory>
#include <optional>

#include <tests/gpu/questions/questions.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/open.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::questions {
namespace {

constexpr std::uint64_t tensor_bytes = 64 * 1024;

/// A pager of small tensors with room for so many; whatever it warns of is no answer.
pager open(std::uint32_t tensors, std::uint32_t room) {
  test::pattern_model const model = test::make_pattern_model(tensors, tensor_bytes);
  return {model.tensors,
          model.source,
          std::shared_ptr<device>(open_device(device_kind::cuda)),
          {.vram = bytes(round_up(room * tensor_bytes, std::uint64_t{2} << 20U)),
           .ram = "unlimited",
           .policy = "lru",
           .on_warning = {}}};
}

answer hits_and_misses() {
  constexpr int rounds = 20'000;
  pager paged = open(4096, 32);
  stream_ref const stream = value_or_throw(paged.on().make_stream());
  (void)paged.acquire(tensor_id{0}, stream);
  double const hits = microseconds_of([&] {
    for (int i = 0; i < rounds; ++i) (void)paged.acquire(tensor_id{0}, stream);
  });
  std::uint32_t const misses = 4096;
  for (std::uint32_t i = 0; i < misses; ++i) (void)paged.acquire_host(tensor_id{i});  // so that nothing is read
  double const missed = microseconds_of([&] {
    for (std::uint32_t i = 0; i < misses; ++i) (void)paged.acquire(tensor_id{i}, stream);
  });
  return {"measured", {{"hit_and_release_ns", 1000 * hits / rounds}, {"miss_of_64_kibibytes_us", missed / misses}}};
}

/// Ends with the process: its exit code is the answer's other half.
answer a_pager_in_static_storage() {
  static std::optional<pager> kept;
  kept.emplace(open(16, 4));
  stream_ref const stream = value_or_throw(kept->on().make_stream());
  for (std::uint32_t i = 0; i < 16; ++i) (void)kept->acquire(tensor_id{i}, stream);
  return {"main returned"};
}

answer a_reset_under_a_pager() {
  std::string said = "the next acquire succeeds";
  {
    pager paged = open(16, 32);
    stream_ref const stream = value_or_throw(paged.on().make_stream());
    (void)paged.acquire(tensor_id{0}, stream);
    need(cudaDeviceReset(), "cudaDeviceReset");
    try {
      for (std::uint32_t i = 1; i < 16; ++i) (void)paged.acquire(tensor_id{i}, stream);
    } catch (error const& thrown) {
      said = "the next acquire fails with " + make_error_code(thrown.details().code).message();
    }
  }
  return {said + ", and the pager ends"};
}

}  // namespace

std::vector<question> about_pagers() {
  return {{"hits_and_misses", hits_and_misses},
          {"a_pager_in_static_storage", a_pager_in_static_storage},
          {"a_reset_under_a_pager", a_reset_under_a_pager}};
}

}  // namespace tierpager::questions
