#include "mgres/defect.hpp"

#include <algorithm>
#include <utility>

#include "mgres/effective.hpp"
#include "mgres/opening.hpp"
#include "mgres/plan.hpp"

namespace mgres {

namespace {

constexpr Index kPollLayers = 16;  // between two looks at the clock

}  // namespace

template <class S>
void state_defect(const ResNet& fine, const S* fine_theta, const Batch<S>& batch,
                  const ResNet& coarse, const S* coarse_theta, S* tau, Workspace<S>& workspace,
                  Interrupt& interrupt, int most_threads) {
  constexpr Index L = kLanes<S>;
  const Plan<S> plan(fine, batch.size);
  const int threads = useful_threads<S>(fine, batch.size, plan.chunks, 1, most_threads);
  const Index fine_memory = round_up(effective_size(fine), L);
  S* const memory = workspace.effective_layers.reserve(fine_memory + effective_size(coarse));
  const Stepper<S> fine_step(fine, effective_layers(fine, fine_theta, memory), plan.blocks);
  const Stepper<S> coarse_step(coarse, effective_layers(coarse, coarse_theta, memory + fine_memory),
                               plan.blocks);
  const Index step_scratch =
      round_up(std::max(fine_step.forward_scratch(), coarse_step.forward_scratch()), L);
  const Index inputs = round_up(opening_scratch<S>(fine.inputs, plan.blocks), L);
  prepare(workspace, threads, 3 * plan.state + step_scratch + inputs);
  const Index factor = fine.depth / coarse.depth;

  parallel_for(plan.chunks, threads, interrupt, [&](Index c, int thread) {
    const Index first = c * plan.chunk;
    const Index count = std::min(plan.chunk, plan.samples - first);
    const Index blocks = ceil_div(count, L);
    S* y = scratch_of(workspace, thread);
    S* next = y + plan.state;
    S* const guess = next + plan.state;
    S* const scratch = guess + plan.state;
    open(fine, fine_theta, batch.inputs + first * fine.inputs, count, y, scratch + step_scratch);
    S* to = tau + first * coarse.width;
    for (Index j = 0; j < coarse.depth; ++j, to += defect_layer<S>(coarse, batch.size)) {
      coarse_step.forward(j, blocks, y, guess, nullptr, scratch);
      for (Index k = j * factor; k < (j + 1) * factor; ++k) {
        if (k % kPollLayers == 0 && interrupt.check(thread)) return;
        fine_step.forward(k, blocks, y, next, nullptr, scratch);
        if (batch.defect != nullptr)
          add_defect(fine, batch.size, batch.defect, k, first, blocks, next);
        std::swap(y, next);
      }
      for (Index i = 0; i < blocks * coarse.width * L; i += L)
        store(to + i, load(y + i) - load(guess + i));
    }
  });
}

#define MGRES_INSTANTIATE(S)                                                                       \
  template void state_defect<S>(const ResNet&, const S*, const Batch<S>&, const ResNet&, const S*, \
                                S*, Workspace<S>&, Interrupt&, int);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
