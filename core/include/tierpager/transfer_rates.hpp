// How fast things move, for plans that weigh transfers against computing. Plain values, given by the caller who knows them:
// nothing here measures.
#pragma once

namespace tierpager {

/// Zero: not known. Without link rate and computing time a plan counts bytes alone.
struct transfer_rates {
  double link_bytes_per_second = 0;  // RAM to VRAM
  double disk_bytes_per_second = 0;  // file to RAM
  double compute_seconds = 0;        // of one cycle of the order; spent in proportion to the bytes acquired
};

}  // namespace tierpager
