// Clang's thread-safety attributes: what a mutex guards is checked when the tree is built with clang, and costs nothing
// elsewhere. Macros only; the classes that carry them are in threading.hpp.
#pragma once

#if defined(__clang__)
#define TIERPAGER_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define TIERPAGER_THREAD_ATTRIBUTE(x)
#endif

#define TIERPAGER_CAPABILITY(x) TIERPAGER_THREAD_ATTRIBUTE(capability(x))
#define TIERPAGER_SCOPED_CAPABILITY TIERPAGER_THREAD_ATTRIBUTE(scoped_lockable)
#define TIERPAGER_GUARDED_BY(x) TIERPAGER_THREAD_ATTRIBUTE(guarded_by(x))
#define TIERPAGER_POINTED_GUARDED_BY(x) TIERPAGER_THREAD_ATTRIBUTE(pt_guarded_by(x))
#define TIERPAGER_REQUIRES(...) TIERPAGER_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TIERPAGER_EXCLUDES(...) TIERPAGER_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define TIERPAGER_ACQUIRE(...) TIERPAGER_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TIERPAGER_TRY_ACQUIRE(...) TIERPAGER_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define TIERPAGER_RELEASE(...) TIERPAGER_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TIERPAGER_RETURN_CAPABILITY(x) TIERPAGER_THREAD_ATTRIBUTE(lock_returned(x))
#define TIERPAGER_NO_THREAD_SAFETY_ANALYSIS TIERPAGER_THREAD_ATTRIBUTE(no_thread_safety_analysis)
