#include <cstring>

#include <examples/growing_buffer.hpp>

tierpager::device_kind growing_buffer::place() { return tierpager::device_kind::host; }

growing_buffer::~growing_buffer() {
  for (void* piece : pieces_) ::operator delete(piece);
}

void growing_buffer::grow(std::uint64_t bytes) {
  pieces_.push_back(::operator new(bytes));
  std::memset(pieces_.back(), 0xff, bytes);
}
