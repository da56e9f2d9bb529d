#include <core/plan_question.hpp>

namespace tierpager {

std::optional<memory_plan> make_plan(plan_question asked) {
  asked.request.order = *asked.order;
  return make_plan(asked.request);
}

}  // namespace tierpager
