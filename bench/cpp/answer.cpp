#include "answer.hpp"

#include <sstream>

namespace bench {

namespace {

int wrong = 0;

}  // namespace

bool accept(benchmark::State& state, double error, double tolerance) {
  if (error <= tolerance) return true;  // a NaN is not
  ++wrong;
  std::ostringstream message;
  message << "wrong answer: relative error " << error << ", expected at most " << tolerance;
  state.SkipWithError(message.str().c_str());
  return false;
}

int wrong_answers() { return wrong; }

}  // namespace bench
