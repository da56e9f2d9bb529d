// Whom the handles of a thread count for, where the caller names no owner. Any thread, about itself.
// Makes no tokens: new_owner() does.
#pragma once

#include <core/owner.hpp>
#include <host/threading.hpp>

namespace tierpager {

inline owner_id this_thread_owner() { return owner_of_thread(this_thread_number()); }

}  // namespace tierpager
