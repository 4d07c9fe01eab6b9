#include "mgres/resnet.hpp"

#include <algorithm>

#include "mgres/defect.hpp"
#include "mgres/ordered_sum.hpp"
#include "mgres/stack.hpp"

namespace mgres {

namespace {

/// Takes one chunk of samples through the network and back, with scratch of one thread.
template <class S>
class ChunkRunner {
 public:
  ChunkRunner(const Network<S>& net, const Plan<S>& plan, const TapeLimits& limits, int threads,
              const S* theta)
      : net_(net), plan_(plan), theta_(theta), stacks_(net, plan, limits, threads, theta) {}

  /// Numbers of scratch for a way without return, and with it.
  Index scratch(bool with_return) const {
    Arena<S> counting;
    ChunkRunner(*this).lay_out(counting, with_return);
    return counting.used();
  }

  /// Divide `scratch` and take chunk number `index` of `batch`.
  void bind(const Batch<S>& batch, Index index, S* scratch, bool with_return) {
    first_ = index * plan_.chunk;
    count_ = std::min(plan_.chunk, plan_.samples - first_);
    blocks_ = ceil_div(count_, kLanes<S>);
    X_ = batch.inputs + first_ * net_.inputs();
    Arena<S> arena(scratch);
    lay_out(arena, with_return);
    for (Index i = 0; i < stacks_.size(); ++i) {
      const S* defect = batch.defect;
      if (defect != nullptr) defect += defect_size(net_, plan_.samples, i);
      stacks_[i].bind(defect, first_, blocks_);
    }
  }

  /// The last states of all stacks.  Returns false if interrupted.
  bool forward(bool with_return, Interrupt& interrupt, int thread) {
    for (Index i = 0; i < stacks_.size(); ++i) {
      enter(i, with_return);
      if (!stacks_[i].forward(with_return, interrupt, thread)) return false;
    }
    return true;
  }

  /// Logits of the chunk, in blocks.
  void head() { net_.closing.forward(closing(), blocks_, stacks_.back().last(), logits_, maps_); }

  void write_logits(S* out) const { write_rows(logits_, net_.outputs(), out); }

  /// The states y_k of stack number `stack` for k in `chosen`, which ascends, to `out` (one array
  /// (n, v) after the other).  Returns false if interrupted.
  bool write_states(Index stack, const std::vector<Index>& chosen, S* out, Interrupt& interrupt,
                    int thread) {
    for (Index i = 0; i < stack; ++i) {
      enter(i, false);
      if (!stacks_[i].forward(false, interrupt, thread)) return false;
    }
    enter(stack, false);
    Index k = 0;
    for (const Index wanted : chosen) {
      if (!stacks_[stack].advance(k, wanted, interrupt, thread)) return false;
      k = wanted;
      write_rows(stacks_[stack].last(), stacks_[stack].width(), out);
      out += plan_.samples * stacks_[stack].width();
    }
    return true;
  }

  /// The sum of the samples' losses; turns logits into dloss/dlogits * weight.
  double loss(Loss loss, const Targets<S>& targets, S weight) {
    double sum = 0;
    const Index outputs = net_.outputs();
    for (Index done = 0; done < count_; done += kLanes<S>) {
      block_loss(loss, targets, first_ + done, std::min<Index>(kLanes<S>, count_ - done), outputs,
                 weight, logits_ + done * outputs, losses_, targets_);
      for (int l = 0; l < kLanes<S>; ++l) sum += static_cast<double>(losses_[l]);
    }
    return sum;
  }

  /// Take the derivative by the logits (n, m) from the caller, in place of the logits.
  void read_dlogits(const S* dlogits) {
    const Index outputs = net_.outputs();
    dlogits += first_ * outputs;
    std::fill_n(logits_, blocks_ * outputs * kLanes<S>, S(0));
    for (Index n = 0; n < count_; ++n)
      for (Index c = 0; c < outputs; ++c, ++dlogits)
        logits_[(n / kLanes<S> * outputs + c) * kLanes<S> + n % kLanes<S>] = *dlogits;
  }

  /// From dloss/dlogits back to the opening, adding to the `gradient` of what is trainable.  Writes the
  /// derivative by the inputs (n, q) to `dX` unless it is null.  Returns false if interrupted.
  bool backward(const Trainable& trainable, S* gradient, S* dX, Interrupt& interrupt, int thread) {
    const Layout& at = net_.layout;
    net_.closing.adjoint(closing(), blocks_, stacks_.back().last(), logits_,
                         stacks_.back().adjoint(),
                         trainable.closing ? gradient + at.closing : nullptr, maps_);
    if (!trainable.blocks && !trainable.connections && !trainable.opening && dX == nullptr)
      return true;
    for (Index i = stacks_.size() - 1; i >= 0; --i) {
      Stack<S>& stack = stacks_[i];
      S* of_layers = trainable.blocks ? gradient + at.layers[u(i)] : nullptr;
      if (!stack.backward(of_layers, interrupt, thread)) return false;
      if (i == 0) break;
      const Index place = at.connections[u(i - 1)];
      net_.connections[u(i - 1)].adjoint(theta_ + place, blocks_, stacks_[i - 1].last(),
                                         stack.adjoint(), stacks_[i - 1].adjoint(),
                                         trainable.connections ? gradient + place : nullptr, maps_);
    }
    const S* a0 = stacks_[0].adjoint();
    if (trainable.opening) net_.opening.add_gradient(a0, X_, count_, gradient, inputs_);
    if (dX != nullptr)
      net_.opening.adjoint(theta_, a0, count_, dX + first_ * net_.inputs(), inputs_);
    return true;
  }

 private:
  static std::size_t u(Index i) { return static_cast<std::size_t>(i); }
  const S* closing() const { return theta_ + net_.layout.closing; }

  /// The first state of stack i, from the inputs or from the stack before it.
  void enter(Index i, bool with_return) {
    S* entry = stacks_[i].entry(with_return);
    if (i == 0) return net_.opening.forward(theta_, X_, count_, entry, inputs_);
    net_.connections[u(i - 1)].forward(theta_ + net_.layout.connections[u(i - 1)], blocks_,
                                       stacks_[i - 1].last(), entry, maps_);
  }

  void lay_out(Arena<S>& arena, bool with_return) {
    inputs_ = arena.take(net_.opening.scratch_size(plan_.blocks));
    logits_ = arena.take(net_.outputs() * plan_.chunk);
    targets_ = arena.take(net_.outputs() * kLanes<S>);
    losses_ = arena.take(kLanes<S>);
    maps_ = arena.take(net_.scratch_size(plan_.blocks));
    stacks_.lay_out(arena, with_return);
  }

  /// The chunk's rows of an array (n, features), row-major, from blocks.
  void write_rows(const S* from, Index features, S* out) const {
    constexpr Index L = kLanes<S>;
    out += first_ * features;
    for (Index done = 0; done < count_; done += L, from += features * L, out += L * features) {
      const Index present = std::min(L, count_ - done);
      for (Index n = 0; n < present; ++n)
        for (Index i = 0; i < features; ++i) out[n * features + i] = from[i * L + n];
    }
  }

  const Network<S>& net_;
  const Plan<S>& plan_;
  const S* theta_;
  Stacks<S> stacks_;

  Index first_ = 0, count_ = 0, blocks_ = 0;
  const S* X_ = nullptr;
  S *inputs_ = nullptr, *logits_ = nullptr, *targets_ = nullptr, *losses_ = nullptr;
  S* maps_ = nullptr;
};

double ordered_mean(const std::vector<double>& losses, Index chunks, Index samples) {
  double sum = 0;
  for (Index c = 0; c < chunks; ++c) sum += losses[static_cast<std::size_t>(c)];
  return sum / static_cast<double>(samples);
}

/// All chunks without return; `turn(runner, chunk, thread)` does what is wanted.
template <class S, class Turn>
void for_each_chunk(const Network<S>& net, const Plan<S>& plan, const S* theta,
                    const Batch<S>& batch, Workspace<S>& workspace, Interrupt& interrupt,
                    int most_threads, const Turn& turn) {
  const int threads = useful_threads<S>(net, batch.size, plan.chunks, 1, most_threads);
  const ChunkRunner<S> prototype(net, plan, workspace.limits, threads, theta);
  prepare(workspace, threads, prototype.scratch(false));
  parallel_for(plan.chunks, threads, interrupt, [&](Index c, int thread) {
    ChunkRunner<S> runner(prototype);
    runner.bind(batch, c, scratch_of(workspace, thread), false);
    turn(runner, c, thread);
  });
}

/// All chunks forward and back; `turn(runner, chunk)` leaves the derivative by the logits.
template <class S, class Turn>
void forward_and_back(const Network<S>& net, const Plan<S>& plan, const Trainable& trainable,
                      const S* theta, const Batch<S>& batch, S* gradient, S* dX,
                      Workspace<S>& workspace, Interrupt& interrupt, int most_threads,
                      const Turn& turn) {
  const int threads = useful_threads<S>(net, batch.size, plan.groups, 3, most_threads);
  const ChunkRunner<S> prototype(net, plan, workspace.limits, threads, theta);
  prepare(workspace, threads, prototype.scratch(true));
  OrderedSum<S> sum(net.layout.size, plan.groups, threads, gradient, workspace.partial_gradients,
                    workspace.partials_finished);

  parallel_for(plan.groups, threads, interrupt, [&](Index g, int thread) {
    S* partial = sum.begin(g, interrupt, thread);
    if (partial == nullptr) return;
    ChunkRunner<S> runner(prototype);
    const Index last = (g + 1) * plan.chunks / plan.groups;
    for (Index c = g * plan.chunks / plan.groups; c < last; ++c) {
      runner.bind(batch, c, scratch_of(workspace, thread), true);
      if (!runner.forward(true, interrupt, thread)) return;
      turn(runner, c);
      if (!runner.backward(trainable, partial, dX, interrupt, thread)) return;
    }
    sum.end(g);
  });
}

}  // namespace

template <class S>
void logits(const Network<S>& net, const S* theta, const Batch<S>& batch, S* out,
            Workspace<S>& workspace, Interrupt& interrupt, int threads) {
  const Plan<S> plan(net, batch.size);
  for_each_chunk(net, plan, theta, batch, workspace, interrupt, threads,
                 [&](ChunkRunner<S>& runner, Index, int thread) {
                   if (!runner.forward(false, interrupt, thread)) return;
                   runner.head();
                   runner.write_logits(out);
                 });
}

template <class S>
void states(const Network<S>& net, const S* theta, const Batch<S>& batch, Index stack,
            const std::vector<Index>& chosen, S* out, Workspace<S>& workspace, Interrupt& interrupt,
            int threads) {
  const Plan<S> plan(net, batch.size);
  for_each_chunk(net, plan, theta, batch, workspace, interrupt, threads,
                 [&](ChunkRunner<S>& runner, Index, int thread) {
                   runner.write_states(stack, chosen, out, interrupt, thread);
                 });
}

template <class S>
double value(const Network<S>& net, Loss loss, const S* theta, const Batch<S>& batch,
             const Targets<S>& targets, Workspace<S>& workspace, Interrupt& interrupt,
             int threads) {
  const Plan<S> plan(net, batch.size);
  workspace.chunk_losses.resize(static_cast<std::size_t>(plan.chunks));
  for_each_chunk(net, plan, theta, batch, workspace, interrupt, threads,
                 [&](ChunkRunner<S>& runner, Index c, int thread) {
                   if (!runner.forward(false, interrupt, thread)) return;
                   runner.head();
                   workspace.chunk_losses[static_cast<std::size_t>(c)] =
                       runner.loss(loss, targets, S(0));
                 });
  return ordered_mean(workspace.chunk_losses, plan.chunks, batch.size);
}

template <class S>
double value_and_grad(const Network<S>& net, Loss loss, const Trainable& trainable, const S* theta,
                      const Batch<S>& batch, const Targets<S>& targets, S* gradient,
                      Workspace<S>& workspace, Interrupt& interrupt, int threads) {
  const Plan<S> plan(net, batch.size);
  workspace.chunk_losses.resize(static_cast<std::size_t>(plan.chunks));
  const S weight = S(1) / static_cast<S>(batch.size);
  S* const no_dX = nullptr;
  forward_and_back(net, plan, trainable, theta, batch, gradient, no_dX, workspace, interrupt,
                   threads, [&](ChunkRunner<S>& runner, Index c) {
                     runner.head();
                     workspace.chunk_losses[static_cast<std::size_t>(c)] =
                         runner.loss(loss, targets, weight);
                   });
  return ordered_mean(workspace.chunk_losses, plan.chunks, batch.size);
}

template <class S>
void vjp(const Network<S>& net, const Trainable& trainable, const S* theta, const Batch<S>& batch,
         const S* dlogits, S* gradient, S* dX, Workspace<S>& workspace, Interrupt& interrupt,
         int threads) {
  const Plan<S> plan(net, batch.size);
  forward_and_back(net, plan, trainable, theta, batch, gradient, dX, workspace, interrupt, threads,
                   [&](ChunkRunner<S>& runner, Index) { runner.read_dlogits(dlogits); });
}

template <class S>
Index gradient_bytes(const Network<S>& net, Index samples, int most_threads) {
  const Plan<S> plan(net, samples);
  const int threads = useful_threads<S>(net, samples, plan.groups, 3, most_threads);
  const Index scratch = ChunkRunner<S>(net, plan, {}, threads, nullptr).scratch(true);
  const Index partials = OrderedSum<S>::buffer_size(net.layout.size, plan.groups, threads);
  return (threads * scratch + partials) * static_cast<Index>(sizeof(S)) +
         plan.chunks * static_cast<Index>(sizeof(double));
}

template <class S>
TapeShape tape_shape(const Network<S>& net, Index samples, const TapeLimits& limits,
                     int most_threads) {
  const Plan<S> plan(net, samples);
  const int threads = useful_threads<S>(net, samples, plan.groups, 3, most_threads);
  const Stacks<S> stacks(net, plan, limits, threads, nullptr);
  TapeShape sum{0, 0};
  for (Index i = 0; i < stacks.size(); ++i) {
    sum.layers += stacks[i].tape().layers;
    sum.checkpoints += stacks[i].tape().checkpoints;
  }
  return sum;
}

#define MGRES_INSTANTIATE(S)                                                                      \
  template void logits<S>(const Network<S>&, const S*, const Batch<S>&, S*, Workspace<S>&,        \
                          Interrupt&, int);                                                       \
  template void states<S>(const Network<S>&, const S*, const Batch<S>&, Index,                    \
                          const std::vector<Index>&, S*, Workspace<S>&, Interrupt&, int);         \
  template double value<S>(const Network<S>&, Loss, const S*, const Batch<S>&, const Targets<S>&, \
                           Workspace<S>&, Interrupt&, int);                                       \
  template Index gradient_bytes<S>(const Network<S>&, Index, int);                                \
  template TapeShape tape_shape<S>(const Network<S>&, Index, const TapeLimits&, int);             \
  template double value_and_grad<S>(const Network<S>&, Loss, const Trainable&, const S*,          \
                                    const Batch<S>&, const Targets<S>&, S*, Workspace<S>&,        \
                                    Interrupt&, int);                                             \
  template void vjp<S>(const Network<S>&, const Trainable&, const S*, const Batch<S>&, const S*,  \
                       S*, S*, Workspace<S>&, Interrupt&, int);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
