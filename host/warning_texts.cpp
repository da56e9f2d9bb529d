#include <host/warning_texts.hpp>

#include <algorithm>

#include <sys/resource.h>

#include <core/readable_bytes.hpp>
#include <tierpager/budget.hpp>

namespace tierpager {
namespace {

// "6.00 GiB (6442450944 bytes)": to be read, and to be given as a budget.
std::string figure(std::uint64_t bytes) {
  return bytes < 1024 ? std::to_string(bytes) + " bytes"
                      : readable_bytes(bytes) + " (" + std::to_string(bytes) + " bytes)";
}

}  // namespace

std::string fallback_warning(failure const& why) {
  return "device auto: there is no CUDA device to use (" + why.describe() +
         "): the host device is used, whose VRAM is a part of RAM; --device host (device_kind::host) asks for it";
}

std::string unlocked_ram_warning(failure const& why, std::uint64_t wanted_bytes, bool vram_is_ram,
                                 std::optional<std::uint64_t> limit_bytes) {
  std::string text = "ram: not page-locked, so that ";
  text += vram_is_ram ? "the system may swap it out" : "copies to the device are slower";
  text += ": " + why.describe();
  if (!limit_bytes || *limit_bytes >= wanted_bytes) return text;
  std::uint64_t const wanted_kib = wanted_bytes / 1024 + (wanted_bytes % 1024 != 0 ? 1 : 0);
  return text + "; " + figure(wanted_bytes) + " are wanted, and RLIMIT_MEMLOCK allows " + figure(*limit_bytes) +
         ": raise it with 'ulimit -l " + std::to_string(wanted_kib) + "', or give a smaller RAM budget";
}

std::optional<std::uint64_t> locked_memory_limit_bytes() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

std::string refused_memory_warning(tier where, tier_statistics const& now) {
  return std::string(name_of(where)) + ": the system gives no more than " + std::to_string(now.committed_bytes) +
         " bytes; the effective budget is now " + std::to_string(now.effective_bytes);
}

std::optional<std::string> auto_budget_warning(tier where, statistics const& now, std::uint64_t whole_bytes) {
  tier_statistics const& of_tier = where == tier::vram ? now.vram : now.ram;
  std::string const found = std::string(name_of(where)) + ": auto found " + figure(of_tier.budget_bytes);
  if (of_tier.budget_bytes < of_tier.least_bytes)
    return found + ", and the least that works is " + figure(of_tier.least_bytes) +
           ", which is used: free some memory, or give a budget";
  // What lies in VRAM need not be kept in RAM too.
  std::uint64_t const above = where == tier::ram && now.vram.present ? now.vram.effective_bytes : 0;
  std::uint64_t const needed = whole_bytes - std::min(whole_bytes, above);
  if (of_tier.budget_bytes >= needed) return std::nullopt;
  std::string const from = where == tier::ram ? "read from the file" : "copied to the device";
  return found + ", and the model needs " + figure(needed) + (above > 0 ? " beside VRAM" : "") +
         " to stay: the rest is " + from + " in every pass";
}

std::string pin_warning(tier where, std::string note) {
  failure const told{.code = errc::unknown_tensor, .what = std::string(name_of(where)) + " " + std::move(note)};
  return told.describe();  // in which names are safe for a terminal
}

std::string too_large_warning(failure refusal) {
  refusal.what = "larger than there is room for, no acquire of it will succeed: " + refusal.what;
  return refusal.describe();
}

}  // namespace tierpager
