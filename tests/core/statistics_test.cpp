#include <tierpager/statistics.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tierpager/budget.hpp>

namespace tierpager {
namespace {

using json = nlohmann::ordered_json;

statistics some() {
  statistics now;
  now.vram = {.present = true,
              .budget_bytes = 3U << 20U,
              .effective_bytes = 3U << 20U,
              .committed_bytes = 2U << 20U,
              .peak_bytes = 2U << 20U,
              .resident_bytes = 1000,
              .resident_tensors = 7,
              .evictions_by_reason = {4, 0, 5, 0, 0}};
  now.ram = {.present = true, .budget_bytes = unlimited_bytes, .effective_bytes = unlimited_bytes, .peak_bytes = 4096};
  now.acquires = 60;
  now.vram_hits = 30;
  now.vram_ahead = 12;
  now.ram_hits = 20;
  now.disk_reads = 10;
  now.bytes_to_device = 2048;
  now.bytes_from_disk = 1024;
  now.ahead_bytes = 512;
  now.ahead_unused_bytes = 100;
  now.stall_seconds = 0.25;
  now.waiting_acquires = 2;
  now.failed_loads = 1;
  return now;
}

TEST(statistics, as_json_have_the_keys_and_figures_of_the_reports) {
  json const all = json::parse(to_json(some()));
  EXPECT_EQ(all["budget"], json::parse(R"({"vram":3145728,"ram":null,"vram_effective":3145728,"ram_effective":null})"));
  EXPECT_EQ(all["peak"], json::parse(R"({"vram":2097152,"ram":4096})"));
  for (auto const& [key, value] : std::map<std::string, double>{{"acquires", 60},
                                                                {"vram_hits", 30},
                                                                {"vram_ahead", 12},
                                                                {"ram_hits", 20},
                                                                {"disk_reads", 10},
                                                                {"bytes_to_device", 2048},
                                                                {"bytes_from_disk", 1024},
                                                                {"vram_evictions", 9},
                                                                {"ram_evictions", 0},
                                                                {"stall_seconds", 0.25},
                                                                {"waiting_acquires", 2},
                                                                {"failed_loads", 1}})
    EXPECT_EQ(all[key], value) << key;
  EXPECT_EQ(all["evictions"]["vram"], json::parse(R"({"room":4,"budget":0,"plan":5,"promoted":0,"fragmentation":0})"));
  EXPECT_EQ(all["ahead"], json::parse(R"({"bytes":512,"unused_bytes":100})"));
  EXPECT_EQ(all["memory"]["vram"]["resident_tensors"], 7);
  EXPECT_EQ(to_json(some()).find('\n'), std::string::npos);
}

TEST(statistics, as_text_say_the_same_in_lines) {
  EXPECT_EQ(to_string(some()),
            "vram budget 3.00 MiB, effective 3.00 MiB, peak 2.00 MiB\n"
            "ram  budget unlimited, effective unlimited, peak 4.00 KiB\n"
            "resident tensors: VRAM 7, 1000 B; RAM 0, 0 B, not page-locked\n"
            "60 acquires: 30 VRAM hits (12 by loads ahead), 20 RAM hits, 10 disk reads\n"
            "moved: 2.00 KiB to the device, 1.00 KiB from disk; ahead 512 B, of these unused 100 B\n"
            "evictions: VRAM 9 (room 4, plan 5); RAM 0\n"
            "stalled 0.250 s; 2 acquires wait; 1 failed loads\n");
  EXPECT_THAT(to_string(statistics{}), testing::StartsWith("vram none\nram  none\n"));
}

}  // namespace
}  // namespace tierpager
