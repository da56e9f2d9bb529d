#include <tierpager/host_stream.hpp>
