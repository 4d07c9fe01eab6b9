#include "mgres/defect.hpp"

#include <algorithm>
#include <utility>

#include "mgres/opening.hpp"
#include "mgres/stack.hpp"

namespace mgres {

template <class S>
void state_defect(const Network<S>& fine, const S* fine_theta, const Batch<S>& batch,
                  const Network<S>& coarse, const S* coarse_theta, S* tau, Workspace<S>& workspace,
                  Interrupt& interrupt, int most_threads) {
  constexpr Index L = kLanes<S>;
  const Plan<S> plan(fine, batch.size);
  const int threads = useful_threads<S>(fine, batch.size, plan.chunks, 1, most_threads);
  const Stack<S> fine_prototype(fine, plan, {}, threads, fine_theta);
  const Stack<S> coarse_prototype(coarse, plan, {}, threads, coarse_theta);
  struct Scratch {
    S *inputs, *guess;
  };
  const auto lay_out = [&](Arena<S>& arena, Stack<S>& of_fine, Stack<S>& of_coarse) {
    of_fine.lay_out(arena, false);
    of_coarse.lay_out(arena, false);
    return Scratch{arena.take(opening_scratch<S>(fine.inputs, plan.blocks)),
                   arena.take(plan.state)};
  };
  Arena<S> counting;
  Stack<S> fine_counted(fine_prototype), coarse_counted(coarse_prototype);
  lay_out(counting, fine_counted, coarse_counted);
  prepare(workspace, threads, counting.used());
  const Index factor = fine.depth / coarse.depth;

  parallel_for(plan.chunks, threads, interrupt, [&](Index c, int thread) {
    const Index first = c * plan.chunk;
    const Index count = std::min(plan.chunk, plan.samples - first);
    const Index blocks = ceil_div(count, L);
    Stack<S> of_fine(fine_prototype), of_coarse(coarse_prototype);
    Arena<S> arena(scratch_of(workspace, thread));
    const auto [inputs, guess] = lay_out(arena, of_fine, of_coarse);
    of_fine.bind(batch, first, blocks);
    of_coarse.bind({batch.inputs, batch.size}, first, blocks);
    open(fine, fine_theta, batch.inputs + first * fine.inputs, count, of_fine.entry(false), inputs);
    S* to = tau + first * coarse.width;
    for (Index j = 0; j < coarse.depth; ++j, to += defect_layer<S>(coarse, batch.size)) {
      of_coarse.step(j, of_fine.last(), guess, nullptr);
      if (!of_fine.advance(j * factor, (j + 1) * factor, interrupt, thread)) return;
      for (Index i = 0; i < blocks * coarse.width * L; i += L)
        store(to + i, load(of_fine.last() + i) - load(guess + i));
    }
  });
}

#define MGRES_INSTANTIATE(S)                                                                     \
  template void state_defect<S>(const Network<S>&, const S*, const Batch<S>&, const Network<S>&, \
                                const S*, S*, Workspace<S>&, Interrupt&, int);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
