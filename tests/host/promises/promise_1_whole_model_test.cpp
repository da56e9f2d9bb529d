// Promise 1: a budget of 100 % holds the model, and without a limit nothing leaves, however many threads acquire. Two real
// files' tensors at an eighth of their sizes, on a device whose granule is an eighth of a GPU's.
#include <barrier>

#include <gtest/gtest.h>

#include <tests/support/paged_reading.hpp>
#include <tests/support/small_tensor_shapes.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t scale = 8;

pattern_model an_eighth_of(catalog const& whole) {
  std::vector<std::uint64_t> sizes;
  for (tensor_info const& each : whole) sizes.push_back(each.bytes / scale + 1);
  return make_pattern_model(sizes);
}

struct whole_case {
  char const* name;
  catalog (*tensors)();
};

class promise_1_whole_model : public testing::TestWithParam<whole_case> {
 protected:
  static std::shared_ptr<host_device> device() {
    return std::make_shared<host_device>(
        host_device_options{.vram_granule_bytes = (2U << 20U) / scale, .poison = true});
  }
  // Every tensor once, from that one on.
  void pass(pager& paged, host_stream& stream, std::size_t first) {
    for (std::size_t i = 0; i < model_.tensors.size(); ++i) {
      handle const held = paged.acquire(tensor_id((first + i) % model_.tensors.size()), stream);
      reader_.read(held, stream);
    }
  }

  pattern_model const model_ = an_eighth_of(GetParam().tensors());
  stream_reader reader_{model_.tensors};
};

TEST_P(promise_1_whole_model, is_loaded_once_and_stays_for_two_threads) {
  watchdog const alive("two threads in a whole model");
  for (char const* const vram : {"100%", "unlimited"}) {
    SCOPED_TRACE(vram);
    pager paged(model_.tensors, model_.source, device(), {.vram = vram, .ram = "100%", .scratch_bytes = 1000});
    statistics after_one;
    std::barrier passed_once(2, [&]() noexcept { after_one = paged.stats(); });
    auto const work = [&](std::size_t first) {
      host_stream stream;
      for (int i = 0; i < 4; ++i) {
        pass(paged, stream, first);
        if (i == 0) passed_once.arrive_and_wait();
      }
      stream.synchronize();
      paged.retire_stream(stream);
    };
    {
      std::jthread const worker(work, 0);
      std::jthread const other(work, model_.tensors.size() / 2);
    }
    statistics const last = paged.stats();
    EXPECT_EQ(after_one.bytes_to_device, model_.tensors.bytes());
    EXPECT_EQ(last.bytes_to_device, model_.tensors.bytes());
    EXPECT_EQ(last.bytes_from_disk, model_.tensors.bytes());
    EXPECT_EQ(last.vram.evictions(), 0U);
    EXPECT_EQ(last.ram.evictions(), 0U);
  }
  EXPECT_EQ(reader_.wrong(), 0U);
}

INSTANTIATE_TEST_SUITE_P(files, promise_1_whole_model,
                         testing::Values(whole_case{"smollm2", smollm2_135m_q4_1},
                                         whole_case{"gemma3", gemma3_270m_q4_k_m}),
                         [](auto const& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace tierpager::test
