#include <tests/support/gated_source.hpp>

namespace tierpager::tests {

gated_source::gated_source(std::shared_ptr<source> real) : real_(std::move(real)) {}

void gated_source::hold() {
  scoped_lock const lock(mutex_);
  shut_ = true;
}

void gated_source::let_pass(std::uint64_t reads) {
  scoped_lock const lock(mutex_);
  may_pass_ += reads;
  changed_.notify_all();
}

void gated_source::release() {
  scoped_lock const lock(mutex_);
  shut_ = false;
  may_pass_ = 0;
  changed_.notify_all();
}

void gated_source::wait_for_held(std::uint64_t reads) const {
  scoped_lock lock(mutex_);
  while (held_ < reads) changed_.wait(lock);
}

std::uint64_t gated_source::reads() const {
  scoped_lock const lock(mutex_);
  return reads_;
}

std::uint64_t gated_source::reads_at(std::uint32_t file, std::uint64_t offset) const {
  scoped_lock const lock(mutex_);
  auto const at = reads_by_start_.find({file, offset});
  return at == reads_by_start_.end() ? 0 : at->second;
}

status gated_source::read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) {
  {
    scoped_lock lock(mutex_);
    ++reads_;
    ++reads_by_start_[{file, offset}];
    ++held_;
    changed_.notify_all();
    while (shut_ && may_pass_ == 0) changed_.wait(lock);
    if (shut_) --may_pass_;
    --held_;
  }
  return real_->read(file, offset, target);
}

}  // namespace tierpager::tests
