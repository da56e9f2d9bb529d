#include <host/acquired_streams.hpp>

#include <algorithm>

namespace tierpager {

acquired_streams::living_stream* acquired_streams::find_elsewhere(stream_ref stream) {
  auto const found = living_.find(stream.get());
  if (found == living_.end()) return nullptr;
  last_stream_ = stream.get();
  last_found_ = &found->second;
  return last_found_;
}

acquired_streams::living_stream& acquired_streams::at(stream_ref stream) {
  if (living_stream* const found = find(stream)) return *found;
  if (living_.size() >= grows_until_) forget_idle_ones();
  last_stream_ = stream.get();
  last_found_ = &living_[stream.get()];
  return *last_found_;
}

// Streams may be destroyed without a word, where nothing was in use there.
void acquired_streams::forget_idle_ones() {
  std::erase_if(living_, [](auto const& each) { return each.second.handles == 0; });
  last_found_ = nullptr;
  grows_until_ = std::max(idle_max, 2 * living_.size());
}

void acquired_streams::count_another(stream_ref stream, std::uint64_t retirements_before) {
  auto const gone = position_of(stream, retirements_before);
  if (gone == retired_.end()) return count(stream);
  ++gone->handles;
}

void acquired_streams::uncount(stream_ref stream, std::uint64_t retirements_before) {
  if (retirements_before != retirements_) {
    auto const gone = position_of(stream, retirements_before);
    if (gone != retired_.end()) {
      if (--gone->handles == 0) retired_.erase(gone);
      return;
    }
  }
  --find(stream)->handles;
}

std::uint64_t acquired_streams::announce_retirement(stream_ref stream) {
  ++retirements_;
  living_stream const* const found = find(stream);
  if (found == nullptr) return retirements_;
  if (found->handles > 0) retired_.push_back({stream, retirements_, found->handles, std::nullopt});
  living_.erase(stream.get());
  last_found_ = nullptr;
  return retirements_;
}

void acquired_streams::take_back_retirement(std::uint64_t number) {
  auto const found = std::ranges::find(retired_, number, &retired_stream::number);
  if (found == retired_.end()) return;
  at(found->stream).handles += found->handles;
  retired_.erase(found);
}

void acquired_streams::retired(std::uint64_t number, fence last) {
  auto const found = std::ranges::find(retired_, number, &retired_stream::number);
  if (found != retired_.end()) found->last = last;
}

std::vector<acquired_streams::retired_stream>::iterator acquired_streams::position_of(
    stream_ref stream, std::uint64_t retirements_before) {
  return std::ranges::find_if(
      retired_, [&](retired_stream const& each) { return each.stream == stream && each.number > retirements_before; });
}

std::uint64_t acquired_streams::handles() const {
  std::uint64_t sum = 0;
  for (auto const& [stream, retired] : living_) sum += retired.handles;
  for (retired_stream const& retired : retired_) sum += retired.handles;
  return sum;
}

acquired_streams::retired_stream const* acquired_streams::retirement_of(stream_ref stream,
                                                                        std::uint64_t retirements_before) {
  auto const found = position_of(stream, retirements_before);
  return found == retired_.end() ? nullptr : &*found;
}

}  // namespace tierpager
