// Promise 1: address space costs nothing, but a system may refuse much of it at once: then a pager works with less.
#include <gtest/gtest.h>

#include <tests/support/paged_reading.hpp>
#include <tierpager/forwarding_device.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint32_t tensors = 12;
constexpr std::uint64_t tensor_bytes = 3 * page;

/// Reserves no more than so much for a tier.
class narrow_device final : public forwarding_device {
 public:
  narrow_device(std::shared_ptr<device> real, std::uint64_t most_bytes)
      : forwarding_device(std::move(real)), most_bytes_(most_bytes) {}
  result<std::byte*> reserve(tier where, std::uint64_t bytes) override {
    if (bytes > most_bytes_) return failure{.code = errc::out_of_memory, .what = "no addresses"};
    return real().reserve(where, bytes);
  }

 private:
  std::uint64_t const most_bytes_;
};

TEST(promise_1_reservations, that_are_refused_are_tried_smaller) {
  watchdog const limit("a test of reservations");
  pattern_model const model = make_pattern_model(tensors, tensor_bytes);
  stream_reader reader{model.tensors};
  host_stream stream;
  auto const narrow = std::make_shared<narrow_device>(jittery_device(), 7 * tensor_bytes);
  pager paged(model.tensors, model.source, narrow, {.vram = bytes(5 * tensor_bytes), .ram = bytes(6 * tensor_bytes)});
  for (std::uint32_t i = 0; i < 5 * tensors; ++i) {
    handle const held = paged.acquire(tensor_id{i * 5 % tensors}, stream);
    reader.read(held, stream);
  }
  stream.synchronize();
  EXPECT_EQ(reader.wrong(), 0U);
  EXPECT_EQ(reader.checked(), 5U * tensors);
}

TEST(promise_1_reservations, that_do_not_hold_the_budget_are_refused) {
  pattern_model const model = make_pattern_model(tensors, tensor_bytes);
  auto const narrow = std::make_shared<narrow_device>(jittery_device(), 4 * tensor_bytes);
  try {
    pager const paged(model.tensors, model.source, narrow,
                      {.vram = bytes(5 * tensor_bytes), .ram = bytes(3 * tensor_bytes)});
    ADD_FAILURE() << "opened";
  } catch (error const& refused) {
    EXPECT_EQ(refused.code(), make_error_code(errc::out_of_memory)) << refused.what();
  }
}

}  // namespace
}  // namespace tierpager::test
