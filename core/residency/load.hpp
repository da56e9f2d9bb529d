// One tensor on its way: from the file to its stage in RAM, and from there to VRAM. The stage is the tensor's own place in RAM,
// or a buffer of two chunks. Plain records, changed by the load table, the transfers and the parts that place loads; no other part
// changes them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <core/residency/chunk_progress.hpp>
#include <tierpager/error.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

enum class request_id : std::uint64_t;

/// Where a load passes through RAM, or where the tensor stays there. It has a stage when it begins, where earlier loads may
/// still be under way: then it waits for them.
struct stage {
  [[nodiscard]] bool exists() const { return range.bytes > 0; }

  byte_range range;
  bool buffered = false;  // a buffer of two chunks
  bool asked = false;     // its memory is still being mapped
  bool waits = false;     // earlier loads still use it
  bool ready = false;     // the tensor may be read there
  fence use;              // passes once nothing of this load touches the stage any more
};

struct load {
  /// All acquires that asked for it were cancelled.
  [[nodiscard]] bool unwanted() const { return waiters.empty() && !(ahead && to_vram); }

  bool to_vram = false;
  bool from_ram = false;  // the tensor was resident in RAM: there is nothing to read
  bool starved = false;   // what it lacks in RAM is held by handles
  bool tainted = false;   // a copy call failed: what it left behind is quarantined
  bool ahead = false;     // no acquire has asked for it yet
  bool began_ahead = false;
  std::optional<failure> failed;
  stage in_ram;
  chunk_progress chunks;

  // Its place in VRAM.
  bool place_asked = false;  // its memory is still being mapped
  bool placed = false;       // the tensor may be copied there
  bool packed = false;       // the set that asked for it has room only if its tensors lie side by side
  bool off_plan = false;     // and not where the plan has it
  bool asked_anew = false;   // every possible victim was in use, and has been asked about once more
  std::vector<fence> after;  // for its copies to wait for

  std::vector<request_id> waiters;
};

}  // namespace tierpager
