#include <tierpager/budget.hpp>
