// What the residency core asks for. Values: the executor carries them out, in order where it says so, and feeds each
// answer back as an input of the core. Nothing here does anything.
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include <core/plan/plan_question.hpp>
#include <tierpager/error.hpp>
#include <tierpager/statistics.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

enum class request_id : std::uint64_t {};

/// Read part of a tensor into the RAM arena. Answer: residency::read_done. Reads may run in any order, at once.
struct read_command {
  tensor_id tensor;
  std::uint32_t chunk;
  byte_range in_tensor;
  std::uint64_t ram_offset;
};

/// Let the copy stream wait for `after`, then queue a copy from the RAM arena to the VRAM arena. Answer: copy_queued
/// or copy_failed. Copies are carried out one at a time, in the order emitted.
struct copy_command {
  tensor_id tensor;
  std::uint32_t chunk;
  std::uint64_t bytes;
  std::uint64_t ram_offset;
  std::uint64_t vram_offset;
  std::vector<fence> after;
};

/// Give memory of a tier back and take other memory, in the order listed, stopping at the first failure. Answer:
/// remapped. At most one a tier is under way.
struct remap_command {
  tier where;
  std::vector<byte_range> decommits;
  std::vector<byte_range> commits;
};

/// Tell the core (residency::passed) once this fence has passed.
struct watch_command {
  fence until;
};

/// Say at once whether this fence has passed. Answer: residency::passed, or residency::running and later passed.
struct ask_command {
  fence about;
};

/// Record a fence on the copy stream, to prove the order of what a failed call may have left there. Answer: settled.
struct settle_command {};

/// Make a plan for what stood when this was emitted. That takes long: not under the lock. Answer: planned, with the
/// question's epoch. What an acquire loads waits for it, so the thread that called acquire makes it before its call returns.
struct plan_command {
  std::shared_ptr<plan_question const> question;
};

/// The request has what it asked for; its uses count until released.
struct grant_command {
  request_id request;
};

/// The request is over and holds nothing.
struct reject_command {
  request_id request;
  failure why;
};

/// Nothing to carry out: a tensor has left a tier. For a record of events; no answer.
struct tell_evicted_command {
  tensor_id tensor;
  tier where;
  eviction_reason why;
};

/// The same: a load has begun, into RAM or through it to VRAM.
struct tell_loading_command {
  tensor_id tensor;
  tier where;
  bool from_disk;  // else it is in RAM, or on its way there
  bool ahead;      // nobody has asked for it yet
};

using command = std::variant<read_command, copy_command, remap_command, watch_command, ask_command, settle_command,
                             plan_command, grant_command, reject_command, tell_evicted_command, tell_loading_command>;

}  // namespace tierpager
