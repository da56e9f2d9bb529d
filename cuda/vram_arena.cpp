#include <cuda/vram_arena.hpp>

#include <algorithm>
#include <bit>
#include <utility>

#include <cuda/call_guard.hpp>

namespace tierpager {

vram_arena::vram_arena(device_state& state, virtual_memory const& how, std::uint64_t granule_bytes_min)
    : state_(state), how_(how), granule_bytes_(std::bit_ceil(std::max(granule_bytes_min, how.granularity_bytes))) {}

vram_arena::~vram_arena() {
  if (base() == nullptr) return;
  for (std::size_t i = 0; i < granules_.size(); ++i) {
    if (granules_[i].mapped) (void)how_.calls.unmap(address_of(i), granule_bytes_);
    if (granules_[i].memory != 0) (void)how_.calls.release(granules_[i].memory);
  }
  for (CUmemGenericAllocationHandle each : spares_) (void)how_.calls.release(each);
  (void)how_.calls.address_free(address_of(0), reserved_bytes_);
}

CUdeviceptr vram_arena::address_of(std::size_t index) const {
  return reinterpret_cast<CUdeviceptr>(base()) + index * granule_bytes_;
}

vram_arena::run vram_arena::run_of(byte_range range) const {
  return {static_cast<std::size_t>(range.offset / granule_bytes_),
          static_cast<std::size_t>(range.end() / granule_bytes_)};
}

result<std::byte*> vram_arena::reserve(std::uint64_t bytes) {
  if (base() != nullptr) return state_.refuse(errc::invalid_argument, "the VRAM arena is reserved already");
  std::uint64_t const whole = std::max(round_up(bytes, granule_bytes_), granule_bytes_);
  if (whole < bytes) return state_.refuse(errc::out_of_memory, "no address space is that large");
  granules_.resize(static_cast<std::size_t>(whole / granule_bytes_));
  CUdeviceptr reserved = 0;
  CUresult const code = how_.calls.address_reserve(&reserved, whole, granule_bytes_, 0, 0);
  if (status done = state_.check(code, "cuMemAddressReserve"); !done.ok()) return done.error();
  reserved_bytes_ = whole;
  base_ = reinterpret_cast<std::byte*>(reserved);  // NOLINT(performance-no-int-to-ptr)
  return base();
}

status vram_arena::check(byte_range range) const {
  bool const whole = range.offset % granule_bytes_ == 0 && range.bytes % granule_bytes_ == 0;
  if (whole && range.offset <= reserved_bytes_ && range.bytes <= reserved_bytes_ - range.offset) return {};
  return state_.refuse(errc::invalid_argument, "no granules of the VRAM arena: " + std::to_string(range.bytes) +
                                                   " bytes at " + std::to_string(range.offset));
}

bool vram_arena::covers(byte_range range) const {
  if (range.bytes == 0) return true;
  if (range.offset > reserved_bytes_ || range.bytes > reserved_bytes_ - range.offset) return false;
  run const granules = run_of({range.offset, range.bytes + granule_bytes_ - 1});
  std::scoped_lock const lock(mutex_);
  for (std::size_t i = granules.first; i < granules.end; ++i)
    if (!granules_[i].committed || !granules_[i].mapped) return false;
  return true;
}

vram_arena::turn::turn(vram_arena& of) : of_(of) {
  for (;; pause_between_polls()) {
    std::scoped_lock const lock(of_.mutex_);
    if (of_.busy_) continue;
    of_.busy_ = true;
    return;
  }
}

vram_arena::turn::~turn() {
  std::scoped_lock const lock(of_.mutex_);
  of_.busy_ = false;
}

void vram_arena::set_committed(run granules, bool committed) {
  std::scoped_lock const lock(mutex_);
  for (std::size_t i = granules.first; i < granules.end; ++i) granules_[i].committed = committed;
}

// Memory behind one granule's addresses; not yet accessible.
status vram_arena::back(std::size_t index) {
  granule& mapped = granules_[index];
  if (mapped.mapped) return {};
  if (mapped.memory == 0 && !spares_.empty()) {
    mapped.memory = spares_.back();
    spares_.pop_back();
  }
  if (mapped.memory == 0) {
    CUmemGenericAllocationHandle memory = 0;
    CUresult const code = how_.calls.create(&memory, granule_bytes_, &how_.properties, 0);
    if (status done = state_.check(code, "cuMemCreate"); !done.ok()) return done;
    mapped.memory = memory;
  }
  CUresult const code = how_.calls.map(address_of(index), granule_bytes_, 0, mapped.memory, 0);
  if (status done = state_.check(code, "cuMemMap"); !done.ok()) return done;
  std::scoped_lock const lock(mutex_);
  mapped.mapped = true;
  return {};
}

status vram_arena::allow_access(run granules) {
  if (granules.first == granules.end) return {};
  CUmemAccessDesc access = {};
  access.location = how_.properties.location;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  std::size_t const bytes = (granules.end - granules.first) * granule_bytes_;
  return state_.check(how_.calls.set_access(address_of(granules.first), bytes, &access, 1), "cuMemSetAccess");
}

status vram_arena::unmap(std::size_t index) {
  if (!granules_[index].mapped) return {};
  status done = state_.check(how_.calls.unmap(address_of(index), granule_bytes_), "cuMemUnmap");
  if (!done.ok()) return done;
  std::scoped_lock const lock(mutex_);
  granules_[index].mapped = false;
  return {};
}

// Of a granule that is not committed. What cannot be unmapped stays mapped for a later commit.
void vram_arena::take_back(std::size_t index) {
  granule& mapped = granules_[index];
  if (mapped.memory == 0) return;
  if (!unmap(index).ok()) {
    strays_.push_back(index);
    return;
  }
  spares_.push_back(std::exchange(mapped.memory, 0));
}

void vram_arena::release_spares() {
  std::erase_if(spares_, [&](CUmemGenericAllocationHandle each) {
    return state_.check(how_.calls.release(each), "cuMemRelease").ok();
  });
}

status vram_arena::commit(byte_range range) {
  if (status fits = check(range); !fits.ok()) return fits;
  run const granules = run_of(range);
  auto const already = [&] {
    std::scoped_lock const lock(mutex_);
    auto const first = granules_.begin();
    return std::any_of(first + static_cast<std::ptrdiff_t>(granules.first),
                       first + static_cast<std::ptrdiff_t>(granules.end),
                       [](granule const& each) { return each.committed; });
  };
  if (already()) return state_.refuse(errc::invalid_argument, "VRAM to be committed is so already in part");
  turn const mine(*this);
  return commit_granules(granules);
}

// Memory that is still mapped where nothing is committed counts, so no more is taken before it is free for use.
status vram_arena::free_strays(run but) {
  std::vector<std::size_t> const strays = std::exchange(strays_, {});
  status done;
  for (std::size_t each : strays) {
    if (each >= but.first && each < but.end) continue;  // about to be committed, or taken back
    if (done.ok()) done = unmap(each);
    if (done.ok())
      spares_.push_back(std::exchange(granules_[each].memory, 0));
    else
      strays_.push_back(each);
  }
  return done;
}

status vram_arena::commit_granules(run granules) {
  repair();
  status done = free_strays(granules);
  std::size_t reached = granules.first;
  while (done.ok() && reached < granules.end) done = back(reached++);
  if (done.ok()) done = allow_access(granules);
  if (done.ok())
    set_committed(granules, true);
  else
    for (std::size_t i = granules.first; i < granules.end; ++i) take_back(i);
  release_spares();
  return done;
}

// Committed granules that were unmapped on the way to a failure, with the memory that is still theirs. Where that fails
// too, copies there are refused until a later call has mapped them, or they are given back.
void vram_arena::map_again(run granules) {
  for (std::size_t i = granules.first; i < granules.end; ++i) {
    if (granules_[i].mapped) continue;
    bool const accessible = back(i).ok() && allow_access({i, i + 1}).ok();
    if (accessible) continue;
    (void)unmap(i);
    lost_.push_back(i);
  }
}

void vram_arena::mend() {
  turn const mine(*this);
  repair();
}

void vram_arena::repair() {
  std::vector<std::size_t> const lost = std::exchange(lost_, {});
  for (std::size_t each : lost)
    if (granules_[each].committed) map_again({each, each + 1});
}

status vram_arena::decommit(byte_range range) {
  if (status fits = check(range); !fits.ok()) return fits;
  run const granules = run_of(range);
  for (std::size_t i = granules.first; i < granules.end; ++i)
    if (!granules_[i].committed) return state_.refuse(errc::invalid_argument, "VRAM to be given back is not committed");
  turn const mine(*this);
  return decommit_granules(granules);
}

status vram_arena::decommit_granules(run granules) {
  repair();
  (void)free_strays({});
  for (std::size_t i = granules.first; i < granules.end; ++i) {
    if (status done = unmap(i); !done.ok()) {
      map_again({granules.first, i});
      return done;
    }
  }
  set_committed(granules, false);
  for (std::size_t i = granules.first; i < granules.end; ++i)
    if (granules_[i].memory != 0) spares_.push_back(std::exchange(granules_[i].memory, 0));
  release_spares();
  return {};
}

}  // namespace tierpager
