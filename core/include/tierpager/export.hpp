// What the shared library shows of itself: the classes and functions of these headers, and nothing else. Both kinds of
// library are compiled with hidden visibility, so that a library that takes in the static one may keep it to itself.
#pragma once

/// Before a class or a function that a program may use.
#define TIERPAGER_EXPORT __attribute__((visibility("default")))
/// Before a class nested in such a class that a program may not use.
#define TIERPAGER_NO_EXPORT __attribute__((visibility("hidden")))
