// The policy `lru`, which makes no plan, on a GPU's granules: how much more is loaded where tensors of many sizes need a place
// each than in a textbook's LRU, which counts bytes and knows no addresses.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include <tests/figures/player.hpp>

namespace tierpager::figures {
namespace {

constexpr std::uint64_t gpu_granule_bytes = 2U << 20U;
constexpr std::array shapes{"smollm2_135m_q4_1",
                            "gemma3_270m_q4_k_m",
                            "qwen2_5_coder_1_5b_q4_k_m",
                            "llama_3_8b_q4_k_m",
                            "llama_3_8b",
                            "mistral_7b",
                            "llama_3_2_1b",
                            "qwen3_30b_a3b_q4_k_m_of_4_layers_sliced",
                            "t5_xxl_encoder",
                            "flux_like",
                            "sdxl_like",
                            "nearly_equal"};
enum class requests : std::uint8_t { noisy_scan, uniform, zipf };
constexpr std::array<char const*, 3> names_of_requests{"noisy scans", "uniform", "Zipf"};

// A scan goes on where it was after one that came in between; ranks are drawn by Zipf's law.
program make_requests(requests kind, std::size_t tensors, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::size_t> by_popularity(tensors);
  std::iota(by_popularity.begin(), by_popularity.end(), 0U);
  for (std::size_t i = tensors; i-- > 1;) std::swap(by_popularity[i], by_popularity[random() % (i + 1)]);
  std::vector<double> up_to(tensors);
  double all = 0;
  for (std::size_t i = 0; i < tensors; ++i) up_to[i] = all += 1 / static_cast<double>(i + 1);
  auto const zipf = [&] {
    double const at = static_cast<double>(random() >> 11) * 0x1p-53 * all;
    auto const drawn = std::upper_bound(up_to.begin(), std::prev(up_to.end()), at);
    return by_popularity[static_cast<std::size_t>(drawn - up_to.begin())];
  };
  std::vector<tensor_id> order;
  for (std::size_t scanned = 0; order.size() < count;) {
    std::size_t chosen = 0;
    if (kind == requests::zipf)
      chosen = zipf();
    else if (kind == requests::uniform || random() % 5 == 0)
      chosen = random() % tensors;
    else
      chosen = scanned++ % tensors;
    order.push_back(static_cast<tensor_id>(chosen));
  }
  return one_at_a_time(order);
}

// Over what the textbook loads.
double loaded(catalog const& tensors, std::uint64_t vram_bytes, program const& requests) {
  auto options = budgets(vram_bytes);
  options.policy = "lru";
  options.core.vram.granule_bytes = gpu_granule_bytes;
  options.core.vram.align_bytes = vram_align_bytes;
  player plays(tensors, options);
  auto const ours = static_cast<double>(plays.play(requests).to_device_bytes);
  EXPECT_EQ(plays.pages().stats().vram.last_resorts, 0U);
  auto const least = textbook("lru", tensors, {.vram_bytes = vram_bytes}, {&requests}).front().bytes_to_device;
  return ours / static_cast<double>(least);
}

class without_a_plan : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(figures, without_a_plan, testing::ValuesIn(vram_percents));

TEST_P(without_a_plan, mixed_sizes_load_little_more_than_in_an_lru_that_counts_bytes) {
  std::vector<double> all;
  for (char const* const name : shapes) {
    catalog const whole = model_called(name).tensors;
    auto const vram_of = [&](unsigned percent) {
      return round_up(percent_of(whole.bytes(), percent), gpu_granule_bytes);
    };
    std::uint64_t const vram_bytes = vram_of(GetParam());
    catalog const tensors = in_blocks(whole, vram_of(25));
    std::size_t const count = std::max<std::size_t>(4000, 8 * tensors.size());
    for (requests const kind : {requests::noisy_scan, requests::uniform, requests::zipf}) {
      std::string line = std::string(name) + " V " + std::to_string(GetParam()) + " %, " +
                         names_of_requests[static_cast<std::size_t>(kind)] + ":";
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        all.push_back(loaded(tensors, vram_bytes, make_requests(kind, tensors.size(), count, seed)));
        line += " " + ratio(all.back(), 1);
        EXPECT_LE(all.back(), 1.15) << line;
      }
      tell(line);
    }
  }
  double const mean = std::reduce(all.begin(), all.end()) / static_cast<double>(all.size());
  tell("mean " + ratio(mean, 1) + ", most " + ratio(*std::max_element(all.begin(), all.end()), 1));
  EXPECT_LE(mean, 1.03);
}

}  // namespace
}  // namespace tierpager::figures
