#include "mgres/defect.hpp"

#include <algorithm>
#include <utility>

#include "mgres/stack.hpp"

namespace mgres {

template <class S>
void state_defect(const Network<S>& fine, const S* fine_theta, const Batch<S>& batch,
                  const Network<S>& coarse, const S* coarse_theta, S* tau, Workspace<S>& workspace,
                  Interrupt& interrupt, int most_threads) {
  constexpr Index L = kLanes<S>;
  const Plan<S> plan(fine, batch.size);
  const int threads = useful_threads<S>(fine, batch.size, plan.chunks, 1, most_threads);
  const Stacks<S> fine_prototype(fine, plan, {}, threads, fine_theta);
  const Stacks<S> coarse_prototype(coarse, plan, {}, threads, coarse_theta);
  Index widest = 0;
  for (const Layers<S>& layers : fine.stacks) widest = std::max(widest, layers.width);
  struct Scratch {
    S *inputs, *maps, *guess;
  };
  const auto lay_out = [&](Arena<S>& arena, Stacks<S>& of_fine, Stacks<S>& of_coarse) {
    of_fine.lay_out(arena, false);
    of_coarse.lay_out(arena, false);
    return Scratch{arena.take(fine.opening.scratch_size(plan.blocks)),
                   arena.take(fine.scratch_size(plan.blocks)), arena.take(plan.state(widest))};
  };
  Arena<S> counting;
  Stacks<S> fine_counted(fine_prototype), coarse_counted(coarse_prototype);
  lay_out(counting, fine_counted, coarse_counted);
  prepare(workspace, threads, counting.used());

  parallel_for(plan.chunks, threads, interrupt, [&](Index c, int thread) {
    const Index first = c * plan.chunk;
    const Index count = std::min(plan.chunk, plan.samples - first);
    const Index blocks = ceil_div(count, L);
    Stacks<S> of_fine(fine_prototype), of_coarse(coarse_prototype);
    Arena<S> arena(scratch_of(workspace, thread));
    const auto [inputs, maps, guess] = lay_out(arena, of_fine, of_coarse);
    for (Index i = 0; i < of_fine.size(); ++i) {
      Stack<S>&one = of_fine[i], &other = of_coarse[i];
      const S* given = batch.defect;
      if (given != nullptr) given += defect_size(fine, batch.size, i);
      one.bind(given, first, blocks);
      other.bind(nullptr, first, blocks);
      if (i == 0) {
        fine.opening.forward(fine_theta, batch.inputs + first * fine.inputs(), count,
                             one.entry(false), inputs);
      } else {
        const auto before = static_cast<std::size_t>(i - 1);
        fine.connections[before].forward(fine_theta + fine.layout.connections[before], blocks,
                                         of_fine[i - 1].last(), one.entry(false), maps);
      }
      const Index factor = one.depth() / other.depth();
      const Index layer = defect_layer<S>(other.width(), batch.size);
      S* to = tau + defect_size(coarse, batch.size, i) + first * other.width();
      for (Index j = 0; j < other.depth(); ++j, to += layer) {
        other.step(j, one.last(), guess, nullptr);
        if (!one.advance(j * factor, (j + 1) * factor, interrupt, thread)) return;
        for (Index k = 0; k < blocks * other.width() * L; k += L)
          store(to + k, load(one.last() + k) - load(guess + k));
      }
    }
  });
}

#define MGRES_INSTANTIATE(S)                                                                     \
  template void state_defect<S>(const Network<S>&, const S*, const Batch<S>&, const Network<S>&, \
                                const S*, S*, Workspace<S>&, Interrupt&, int);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
