#include <tierpager/pager.hpp>

#include <atomic>
#include <cassert>
#include <utility>

#include <core/owner.hpp>
#include <core/pin_preset.hpp>
#include <host/executor.hpp>

namespace tierpager {

owner_id new_owner() {
  static std::atomic<std::uint64_t> latest = 0;
  return owner_of_token(latest.fetch_add(1, std::memory_order_relaxed));
}

handle::handle(handle&& other) noexcept { *this = std::move(other); }

handle& handle::operator=(handle&& other) noexcept {
  if (this == &other) return *this;
  release();
  executor_ = std::exchange(other.executor_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  stream_ = std::exchange(other.stream_, nullptr);
  owner_ = other.owner_;
  retirements_before_ = other.retirements_before_;
  id_ = other.id_;
  tier_ = other.tier_;
  stream_kind_ = other.stream_kind_;
  return *this;
}

handle handle::share() const { return executor_ == nullptr ? handle() : executor_->share(*this); }

tensor_info const& handle::info() const {
  if (executor_ == nullptr)
    throw error(
        {.code = errc::invalid_argument, .what = "an empty handle holds no tensor: it was released or moved from"});
  return executor_->tensors()[id_];
}

void handle::check_span(std::size_t element_bytes, std::size_t align_bytes) const {
  tensor_info const& held = info();
  auto const refuse = [&](std::string what) {
    throw error({.code = errc::invalid_argument, .what = std::move(what), .tensor = held.name});
  };
  if (bytes_ % element_bytes != 0)
    refuse("its " + std::to_string(bytes_) + " bytes (" + held.dtype + ") are no whole number of elements of " +
           std::to_string(element_bytes) + " bytes");
  if (reinterpret_cast<std::uintptr_t>(data_) % align_bytes != 0)
    refuse("it lies at a multiple of " + std::to_string(vram_align_bytes) + " bytes, and the elements of a span of " +
           std::to_string(align_bytes));
}

void handle::release() noexcept {
  if (executor_ == nullptr) return;
  end_use(stream(), retirements_before_);
}

void handle::release(stream_ref stream) {
  if (executor_ == nullptr) return;
  executor_->check_stream(stream);
  bool const may_be_used = tier_ == tier::vram && bytes_ > 0;
  end_use(may_be_used ? stream : this->stream(), ~std::uint64_t{0});  // it exists, whatever was retired at that address
}

void handle::end_use(stream_ref last_on, std::uint64_t retirements_before) noexcept {
  executor_->release(*this, last_on, retirements_before);
  executor_ = nullptr;
  data_ = nullptr;
}

pager::pager(catalog tensors, std::shared_ptr<source> from, std::shared_ptr<device> on, pager_options const& options)
    : pager(model{.tensors = std::move(tensors), .source = std::move(from)}, std::move(on), options) {}

pager::pager(model of, std::shared_ptr<device> on, pager_options const& options)
    : executor_(new executor(std::move(of), std::move(on), options)) {}

pager::pager(pager&& other) noexcept : executor_(std::exchange(other.executor_, nullptr)) {}

pager& pager::operator=(pager&& other) noexcept {
  if (this == &other) return *this;
  if (executor_ != nullptr) executor_->abandon();
  executor_ = std::exchange(other.executor_, nullptr);
  return *this;
}

pager::~pager() {
  if (executor_ != nullptr) executor_->abandon();
}

handle pager::acquire(name_view name, stream_ref stream, wait_options const& wait) {
  return acquire(id_of(name), stream, wait);
}

handle pager::acquire(tensor_id id, stream_ref stream, wait_options const& wait) {
  return executor_->acquire_one(id, tier::vram, stream, wait);
}

std::vector<handle> pager::acquire(std::span<tensor_id const> ids, stream_ref stream, wait_options const& wait) {
  return executor_->acquire(ids, tier::vram, stream, wait);
}

std::optional<handle> pager::try_acquire(tensor_id id, stream_ref stream) { return executor_->try_acquire(id, stream); }

handle pager::acquire_host(name_view name, wait_options const& wait) { return acquire_host(id_of(name), wait); }

handle pager::acquire_host(tensor_id id, wait_options const& wait) {
  return executor_->acquire_one(id, tier::ram, stream_ref(static_cast<void*>(nullptr)), wait);
}

std::vector<handle> pager::acquire_host(std::span<tensor_id const> ids, wait_options const& wait) {
  return executor_->acquire(ids, tier::ram, std::nullopt, wait);
}

void pager::set_order(std::span<tensor_id const> ids) { executor_->set_order(ids); }

void pager::set_order(std::span<std::vector<tensor_id> const> sets) { executor_->set_order(sets); }

void pager::prefetch(std::span<tensor_id const> ids) { executor_->prefetch(ids); }

void pager::pin(std::span<tensor_id const> ids, tier where) { executor_->pin(ids, where); }

std::vector<tensor_id> pager::matches_of(std::vector<std::string> const& globs_or_presets) const {
  return value_or_throw(match_all_pins(tensors(), globs_or_presets));
}

void pager::pin_all(std::vector<std::string> const& globs_or_presets, tier where) {
  executor_->pin(globs_or_presets, where);
}

tensor_id pager::id_of(name_view name) const { return executor_->id_of(name); }

void pager::unpin(std::span<tensor_id const> ids, tier where) { executor_->unpin(ids, where); }
budget_report pager::set_budget(tier where, budget const& to) { return executor_->set_budget(where, to); }
catalog const& pager::tensors() const { return executor_->tensors(); }
metadata const& pager::metadata() const { return executor_->metadata(); }
bool pager::resident(tensor_id id, tier where) const { return executor_->resident(id, where); }
bool pager::pinned(tensor_id id, tier where) const { return executor_->pinned(id, where); }
std::uint64_t pager::generation(tensor_id id) const { return executor_->generation(id); }
statistics pager::stats() const { return executor_->stats(); }
std::vector<event> pager::take_events() { return executor_->take_events(); }
std::span<std::byte> pager::scratch() const { return executor_->scratch(); }
device& pager::on() const { return executor_->on(); }
void pager::retire_stream(stream_ref stream) { executor_->retire_stream(stream); }
void pager::close() noexcept { executor_->close(); }

}  // namespace tierpager
