#include "mgres/resnet.hpp"

#include <algorithm>

#include "mgres/closing.hpp"
#include "mgres/defect.hpp"
#include "mgres/effective.hpp"
#include "mgres/opening.hpp"
#include "mgres/ordered_sum.hpp"
#include "mgres/plan.hpp"

namespace mgres {

namespace {

constexpr Index kPollLayers = 16;            // between two looks at the clock
constexpr Index kLargestPrefetch = 1 << 12;  // numbers; larger layers stream by themselves

/// Takes one chunk of samples through the network and back, with scratch of one thread.
template <class S>
class ChunkRunner {
 public:
  /// `layers` are the effective layers of `theta`.
  ChunkRunner(const ResNet& net, const Plan<S>& plan, const TapeLimits& limits, int threads,
              const S* theta, const S* layers)
      : net_(net),
        layout_(net),
        stepper_(net, layers, plan.blocks),
        plan_(plan),
        tape_(net, plan, limits, threads),
        theta_(theta) {}

  /// Numbers of scratch for a forward sweep, and for a gradient.
  Index forward_scratch() const {
    return 2 * room(plan_.state) + room(opening_scratch_size()) + room(net_.outputs * plan_.chunk) +
           room(net_.outputs * kLanes<S>) + room(kLanes<S>) + room(stepper_.forward_scratch());
  }
  Index gradient_scratch() const {
    return forward_scratch() + (tape_.layers + tape_.checkpoints) * room(plan_.state) +
           tape_.layers * room(plan_.record) + room(stepper_.backward_scratch());
  }

  /// Lay out `scratch` for chunk number `index` of `batch`.
  void bind(const Batch<S>& batch, Index index, S* scratch) {
    first_ = index * plan_.chunk;
    count_ = std::min(plan_.chunk, plan_.samples - first_);
    blocks_ = ceil_div(count_, kLanes<S>);
    X_ = batch.inputs + first_ * net_.inputs;
    defect_ = batch.defect;
    free_ = scratch;
    inputs_ = take(opening_scratch_size());
    logits_ = take(net_.outputs * plan_.chunk);
    targets_ = take(net_.outputs * kLanes<S>);
    losses_ = take(kLanes<S>);
    step_scratch_ = take(stepper_.forward_scratch());
    states_ = take(room(plan_.state) * 2);
  }

  /// After bind: the tape continues the two states that a forward sweep has.
  void bind_gradient() {
    take((tape_.layers - 1) * room(plan_.state));
    adjoint_ = take(plan_.state);
    checkpoints_ = take(tape_.checkpoints * room(plan_.state));
    records_ = take(tape_.layers * room(plan_.record));
    back_scratch_ = take(stepper_.backward_scratch());
  }

  /// y_K from y_0, with two states in turn.  Returns false if interrupted.
  bool forward(Interrupt& interrupt, int thread) {
    return sweep(net_.depth, false, interrupt, thread);
  }

  /// The same; keeps the checkpoints and the tape of the last layers.
  bool forward_taped(Interrupt& interrupt, int thread) {
    const Index before = net_.depth - tape_.layers;
    if (!sweep(before, true, interrupt, thread)) return false;
    return tape(before, tape_.layers, interrupt, thread);
  }

  /// Logits of the chunk, in blocks.
  void head() {
    close(net_, theta_ + layout_.closing, theta_ + layout_.closing_bias, blocks_, last_, logits_);
  }

  void write_logits(S* out) const { write_rows(logits_, net_.outputs, out); }

  /// The states y_k for k in `chosen`, which ascends, to `out` (one array (n, v) after the other).
  /// Returns false if interrupted.
  bool write_states(const std::vector<Index>& chosen, S* out, Interrupt& interrupt, int thread) {
    last_ = state(0);
    open(net_, theta_, X_, count_, last_, inputs_);
    Index k = 0;
    for (const Index wanted : chosen) {
      for (; k < wanted; ++k) {
        if (stop(k, interrupt, thread)) return false;
        prefetch(k + 1, nullptr);
        S* next = state((k + 1) % 2);
        step(k, last_, next, nullptr);
        last_ = next;
      }
      write_rows(last_, net_.width, out);
      out += plan_.samples * net_.width;
    }
    return true;
  }

  /// The sum of the samples' losses; turns logits into dloss/dlogits * weight.
  double loss(Loss loss, const Targets<S>& targets, S weight) {
    double sum = 0;
    for (Index done = 0; done < count_; done += kLanes<S>) {
      block_loss(loss, targets, first_ + done, std::min<Index>(kLanes<S>, count_ - done),
                 net_.outputs, weight, logits_ + done * net_.outputs, losses_, targets_);
      for (int l = 0; l < kLanes<S>; ++l) sum += static_cast<double>(losses_[l]);
    }
    return sum;
  }

  /// From dloss/dlogits to dloss/dy_K; adds the classifier's gradient unless it is fixed.
  void head_backward(const Trainable& trainable, S* gradient) {
    closing_adjoint(net_, theta_ + layout_.closing, blocks_, logits_, adjoint_);
    if (trainable.closing)
      add_closing_gradient(net_, blocks_, logits_, last_, gradient + layout_.closing,
                           gradient + layout_.closing_bias);
  }

  /// Take the derivative by the logits (n, m) from the caller, in place of the logits.
  void read_dlogits(const S* dlogits) {
    dlogits += first_ * net_.outputs;
    std::fill_n(logits_, blocks_ * net_.outputs * kLanes<S>, S(0));
    for (Index n = 0; n < count_; ++n)
      for (Index c = 0; c < net_.outputs; ++c, ++dlogits)
        logits_[(n / kLanes<S> * net_.outputs + c) * kLanes<S> + n % kLanes<S>] = *dlogits;
  }

  /// Back through the layers and the opening operator.  Writes the derivative by the inputs (n, q)
  /// to `dX` unless it is null.  Returns false if interrupted.
  bool backward(const Trainable& trainable, S* gradient, S* dX, Interrupt& interrupt, int thread) {
    if (!trainable.blocks && !trainable.opening && dX == nullptr) return true;
    S* layers_gradient = trainable.blocks ? gradient + layout_.layers : nullptr;
    Index end = net_.depth - tape_.layers;
    if (!untape(end, tape_.layers, layers_gradient, interrupt, thread)) return false;
    for (Index c = tape_.checkpoints - 1; c >= 0; --c) {
      const Index first = c * tape_.segment;
      std::copy_n(checkpoint(c), plan_.state, state(0));
      if (!tape(first, end - first, interrupt, thread)) return false;
      if (!untape(first, end - first, layers_gradient, interrupt, thread)) return false;
      end = first;
    }
    if (trainable.opening) add_opening_gradient(net_, adjoint_, X_, count_, inputs_, gradient);
    if (dX != nullptr) opening_adjoint(net_, theta_, adjoint_, count_, dX + first_ * net_.inputs);
    return true;
  }

 private:
  static Index room(Index size) { return round_up(size, 64 / static_cast<Index>(sizeof(S))); }

  S* take(Index size) {
    S* taken = free_;
    free_ += room(size);
    return taken;
  }

  Index opening_scratch_size() const { return opening_scratch<S>(net_.inputs, plan_.blocks); }

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

  S* state(Index slot) const { return states_ + slot * room(plan_.state); }
  S* record(Index slot) const { return records_ + slot * room(plan_.record); }
  S* checkpoint(Index c) const { return checkpoints_ + c * room(plan_.state); }

  /// Fetch what layer k needs and what is not on the tape, while its predecessor computes.
  void prefetch(Index k, const S* gradient) const {
    if (k < 0 || k >= net_.depth || stepper_.parameters_size() > kLargestPrefetch) return;
    constexpr Index line = 64 / static_cast<Index>(sizeof(S));
    const S* parameters = stepper_.parameters(k);
    for (Index i = 0; i < stepper_.parameters_size(); i += line) {
      __builtin_prefetch(parameters + i);
      if (gradient != nullptr && i < layout_.layer)
        __builtin_prefetch(gradient + k * layout_.layer + i, 1);
    }
  }

  /// y_{k+1} from y_k, with the state's defect if there is one.
  void step(Index k, const S* y, S* out, S* record) const {
    stepper_.forward(k, blocks_, y, out, record, step_scratch_);
    if (defect_ != nullptr) add_defect(net_, plan_.samples, defect_, k, first_, blocks_, out);
  }

  static bool stop(Index k, Interrupt& interrupt, int thread) {
    return k % kPollLayers == 0 && interrupt.check(thread);
  }

  /// y_0 and the first `layers` layers, in slots 0 and 1 in turn so that the end is in slot 0.
  bool sweep(Index layers, bool keep_checkpoints, Interrupt& interrupt, int thread) {
    last_ = state(layers % 2);
    open(net_, theta_, X_, count_, last_, inputs_);
    for (Index k = 0; k < layers; ++k) {
      if (stop(k, interrupt, thread)) return false;
      if (keep_checkpoints && k % tape_.segment == 0)
        std::copy_n(last_, plan_.state, checkpoint(k / tape_.segment));
      prefetch(k + 1, nullptr);
      S* next = state((layers - k - 1) % 2);
      step(k, last_, next, nullptr);
      last_ = next;
    }
    return true;
  }

  /// Layers first ... first + layers - 1 from the state in slot 0, all kept on the tape.
  bool tape(Index first, Index layers, Interrupt& interrupt, int thread) {
    for (Index k = 0; k < layers; ++k) {
      if (stop(k, interrupt, thread)) return false;
      prefetch(first + k + 1, nullptr);
      step(first + k, state(k), state(k + 1), record(k));
    }
    last_ = state(layers);
    return true;
  }

  /// The same layers backwards.
  bool untape(Index first, Index layers, S* gradient, Interrupt& interrupt, int thread) {
    for (Index k = layers - 1; k >= 0; --k) {
      if (stop(k, interrupt, thread)) return false;
      prefetch(first + k - 1, gradient);
      S* dW = gradient != nullptr ? gradient + (first + k) * layout_.layer : nullptr;
      stepper_.backward(first + k, blocks_, state(k), record(k), adjoint_, dW, back_scratch_);
    }
    return true;
  }

  const ResNet& net_;
  const Layout layout_;
  const Stepper<S> stepper_;
  const Plan<S>& plan_;
  const Tape<S> tape_;
  const S* theta_;

  Index first_ = 0, count_ = 0, blocks_ = 0;
  const S *X_ = nullptr, *defect_ = nullptr;
  S *free_ = nullptr, *inputs_ = nullptr, *logits_ = nullptr, *targets_ = nullptr;
  S *losses_ = nullptr, *states_ = nullptr, *adjoint_ = nullptr, *checkpoints_ = nullptr;
  S *records_ = nullptr, *step_scratch_ = nullptr, *back_scratch_ = nullptr;
  S* last_ = nullptr;  // the state behind the last layer
};

double ordered_mean(const std::vector<double>& losses, Index chunks, Index samples) {
  double sum = 0;
  for (Index c = 0; c < chunks; ++c) sum += losses[static_cast<std::size_t>(c)];
  return sum / static_cast<double>(samples);
}

template <class S>
const S* layers_of(const ResNet& net, const S* theta, Workspace<S>& workspace) {
  return effective_layers(net, theta, workspace.effective_layers.reserve(effective_size(net)));
}

/// All chunks forward and back; `turn(runner, chunk)` leaves the derivative by the logits.
template <class S, class Turn>
void forward_and_back(const ResNet& net, const Plan<S>& plan, const Trainable& trainable,
                      const S* theta, const Batch<S>& batch, S* gradient, S* dX,
                      Workspace<S>& workspace, Interrupt& interrupt, int most_threads,
                      const Turn& turn) {
  const int threads = useful_threads<S>(net, batch.size, plan.groups, 3, most_threads);
  const ChunkRunner<S> prototype(net, plan, workspace.limits, threads, theta,
                                 layers_of(net, theta, workspace));
  prepare(workspace, threads, prototype.gradient_scratch());
  OrderedSum<S> sum(Layout(net).size, plan.groups, threads, gradient, workspace.partial_gradients,
                    workspace.partials_finished);

  parallel_for(plan.groups, threads, interrupt, [&](Index g, int thread) {
    S* partial = sum.begin(g, interrupt, thread);
    if (partial == nullptr) return;
    ChunkRunner<S> runner(prototype);
    const Index last = (g + 1) * plan.chunks / plan.groups;
    for (Index c = g * plan.chunks / plan.groups; c < last; ++c) {
      runner.bind(batch, c, scratch_of(workspace, thread));
      runner.bind_gradient();
      if (!runner.forward_taped(interrupt, thread)) return;
      turn(runner, c);
      runner.head_backward(trainable, partial);
      if (!runner.backward(trainable, partial, dX, interrupt, thread)) return;
    }
    sum.end(g);
  });
  if (trainable.blocks) pull_back(net, gradient);
}

}  // namespace

template <class S>
void logits(const ResNet& net, const S* theta, const Batch<S>& batch, S* out,
            Workspace<S>& workspace, Interrupt& interrupt, int most_threads) {
  const Plan<S> plan(net, batch.size);
  const int threads = useful_threads<S>(net, batch.size, plan.chunks, 1, most_threads);
  const ChunkRunner<S> prototype(net, plan, workspace.limits, threads, theta,
                                 layers_of(net, theta, workspace));
  prepare(workspace, threads, prototype.forward_scratch());
  parallel_for(plan.chunks, threads, interrupt, [&](Index c, int thread) {
    ChunkRunner<S> runner(prototype);
    runner.bind(batch, c, scratch_of(workspace, thread));
    if (!runner.forward(interrupt, thread)) return;
    runner.head();
    runner.write_logits(out);
  });
}

template <class S>
void states(const ResNet& net, const S* theta, const Batch<S>& batch,
            const std::vector<Index>& chosen, S* out, Workspace<S>& workspace, Interrupt& interrupt,
            int most_threads) {
  const Plan<S> plan(net, batch.size);
  const int threads = useful_threads<S>(net, batch.size, plan.chunks, 1, most_threads);
  const ChunkRunner<S> prototype(net, plan, workspace.limits, threads, theta,
                                 layers_of(net, theta, workspace));
  prepare(workspace, threads, prototype.forward_scratch());
  parallel_for(plan.chunks, threads, interrupt, [&](Index c, int thread) {
    ChunkRunner<S> runner(prototype);
    runner.bind(batch, c, scratch_of(workspace, thread));
    runner.write_states(chosen, out, interrupt, thread);
  });
}

template <class S>
double value(const ResNet& net, Loss loss, const S* theta, const Batch<S>& batch,
             const Targets<S>& targets, Workspace<S>& workspace, Interrupt& interrupt,
             int most_threads) {
  const Plan<S> plan(net, batch.size);
  const int threads = useful_threads<S>(net, batch.size, plan.chunks, 1, most_threads);
  const ChunkRunner<S> prototype(net, plan, workspace.limits, threads, theta,
                                 layers_of(net, theta, workspace));
  prepare(workspace, threads, prototype.forward_scratch());
  workspace.chunk_losses.resize(static_cast<std::size_t>(plan.chunks));
  parallel_for(plan.chunks, threads, interrupt, [&](Index c, int thread) {
    ChunkRunner<S> runner(prototype);
    runner.bind(batch, c, scratch_of(workspace, thread));
    if (!runner.forward(interrupt, thread)) return;
    runner.head();
    workspace.chunk_losses[static_cast<std::size_t>(c)] = runner.loss(loss, targets, S(0));
  });
  return ordered_mean(workspace.chunk_losses, plan.chunks, batch.size);
}

template <class S>
double value_and_grad(const ResNet& net, Loss loss, const Trainable& trainable, const S* theta,
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
void vjp(const ResNet& net, const Trainable& trainable, const S* theta, const Batch<S>& batch,
         const S* dlogits, S* gradient, S* dX, Workspace<S>& workspace, Interrupt& interrupt,
         int threads) {
  const Plan<S> plan(net, batch.size);
  forward_and_back(net, plan, trainable, theta, batch, gradient, dX, workspace, interrupt, threads,
                   [&](ChunkRunner<S>& runner, Index) { runner.read_dlogits(dlogits); });
}

template <class S>
Index gradient_bytes(const ResNet& net, Index samples, int most_threads) {
  const Plan<S> plan(net, samples);
  const int threads = useful_threads<S>(net, samples, plan.groups, 3, most_threads);
  const Index scratch = ChunkRunner<S>(net, plan, {}, threads, nullptr, nullptr).gradient_scratch();
  const Index partials = OrderedSum<S>::buffer_size(Layout(net).size, plan.groups, threads);
  return (threads * scratch + partials + effective_size(net)) * static_cast<Index>(sizeof(S)) +
         plan.chunks * static_cast<Index>(sizeof(double));
}

template <class S>
TapeShape tape_shape(const ResNet& net, Index samples, const TapeLimits& limits, int most_threads) {
  const Plan<S> plan(net, samples);
  const int threads = useful_threads<S>(net, samples, plan.groups, 3, most_threads);
  const Tape<S> tape(net, plan, limits, threads);
  return {tape.layers, tape.checkpoints};
}

#define MGRES_INSTANTIATE(S)                                                                       \
  template void logits<S>(const ResNet&, const S*, const Batch<S>&, S*, Workspace<S>&, Interrupt&, \
                          int);                                                                    \
  template void states<S>(const ResNet&, const S*, const Batch<S>&, const std::vector<Index>&, S*, \
                          Workspace<S>&, Interrupt&, int);                                         \
  template double value<S>(const ResNet&, Loss, const S*, const Batch<S>&, const Targets<S>&,      \
                           Workspace<S>&, Interrupt&, int);                                        \
  template Index gradient_bytes<S>(const ResNet&, Index, int);                                     \
  template TapeShape tape_shape<S>(const ResNet&, Index, const TapeLimits&, int);                  \
  template double value_and_grad<S>(const ResNet&, Loss, const Trainable&, const S*,               \
                                    const Batch<S>&, const Targets<S>&, S*, Workspace<S>&,         \
                                    Interrupt&, int);                                              \
  template void vjp<S>(const ResNet&, const Trainable&, const S*, const Batch<S>&, const S*, S*,   \
                       S*, Workspace<S>&, Interrupt&, int);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
