#include "mgres/resnet.hpp"

#include <algorithm>

#include "mgres/closing.hpp"
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
  ChunkRunner(const ResNet& net, const Plan<S>& plan, int threads, const S* theta)
      : net_(net),
        layout_(net),
        kernel_(layer_kernel<S>(net.width)),
        plan_(plan),
        tape_(net, plan, threads),
        theta_(theta) {}

  /// Numbers of scratch for a forward sweep, and for a gradient.
  Index forward_scratch() const {
    return 2 * room(plan_.state) + room(opening_scratch_size()) + room(net_.outputs * plan_.chunk) +
           room(net_.outputs * kLanes<S>) + room(kLanes<S>);
  }
  Index gradient_scratch() const {
    return forward_scratch() + (tape_.layers + tape_.checkpoints) * room(plan_.state) +
           tape_.layers * room(plan_.slopes) + room(kernel_scratch_size());
  }

  /// Lay out `scratch` for chunk number `index` of `batch`.
  void bind(const Batch<S>& batch, Index index, S* scratch) {
    first_ = index * plan_.chunk;
    count_ = std::min(plan_.chunk, plan_.samples - first_);
    blocks_ = ceil_div(count_, kLanes<S>);
    X_ = batch.inputs + first_ * net_.inputs;
    free_ = scratch;
    inputs_ = take(opening_scratch_size());
    logits_ = take(net_.outputs * plan_.chunk);
    targets_ = take(net_.outputs * kLanes<S>);
    losses_ = take(kLanes<S>);
    states_ = take(room(plan_.state) * 2);
  }

  /// After bind: the tape continues the two states that a forward sweep has.
  void bind_gradient() {
    take((tape_.layers - 1) * room(plan_.state));
    adjoint_ = take(plan_.state);
    checkpoints_ = take(tape_.checkpoints * room(plan_.state));
    slopes_ = take(tape_.layers * room(plan_.slopes));
    kernel_scratch_ = take(kernel_scratch_size());
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

  void write_logits(S* out) {
    out += first_ * net_.outputs;
    for (Index n = 0; n < count_; ++n)
      for (Index c = 0; c < net_.outputs; ++c, ++out)
        *out = logits_[(n / kLanes<S> * net_.outputs + c) * kLanes<S> + n % kLanes<S>];
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

  /// Back through the layers and the opening operator.  Returns false if interrupted.
  bool backward(const Trainable& trainable, S* gradient, Interrupt& interrupt, int thread) {
    if (!trainable.blocks && !trainable.opening) return true;
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
  Index kernel_scratch_size() const { return kernel_.scratch_size(net_.width, plan_.blocks); }

  S* state(Index slot) const { return states_ + slot * room(plan_.state); }
  S* slopes(Index slot) const { return slopes_ + slot * room(plan_.slopes); }
  S* checkpoint(Index c) const { return checkpoints_ + c * room(plan_.state); }

  /// Fetch what layer k needs and what is not on the tape, while its predecessor computes.
  void prefetch(Index k, const S* gradient) const {
    if (k < 0 || k >= net_.depth || layout_.layer > kLargestPrefetch) return;
    constexpr Index line = 64 / static_cast<Index>(sizeof(S));
    for (Index i = 0; i < layout_.layer; i += line) {
      __builtin_prefetch(theta_ + layout_.layers + k * layout_.layer + i);
      if (gradient != nullptr) __builtin_prefetch(gradient + k * layout_.layer + i, 1);
    }
  }

  Layer<S> layer(Index k) const {
    return {theta_ + layout_.layers + k * layout_.layer, net_.width, blocks_,
            static_cast<S>(net_.step()), net_.activation};
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
      kernel_.forward(layer(k), last_, next, nullptr);
      last_ = next;
    }
    return true;
  }

  /// Layers first ... first + layers - 1 from the state in slot 0, all kept on the tape.
  bool tape(Index first, Index layers, Interrupt& interrupt, int thread) {
    for (Index k = 0; k < layers; ++k) {
      if (stop(k, interrupt, thread)) return false;
      prefetch(first + k + 1, nullptr);
      kernel_.forward(layer(first + k), state(k), state(k + 1), slopes(k));
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
      kernel_.backward(layer(first + k), state(k), slopes(k), adjoint_, dW, kernel_scratch_);
    }
    return true;
  }

  const ResNet& net_;
  const Layout layout_;
  const LayerKernel<S>& kernel_;
  const Plan<S>& plan_;
  const Tape<S> tape_;
  const S* theta_;

  Index first_ = 0, count_ = 0, blocks_ = 0;
  const S* X_ = nullptr;
  S *free_ = nullptr, *inputs_ = nullptr, *logits_ = nullptr, *targets_ = nullptr;
  S *losses_ = nullptr, *states_ = nullptr, *adjoint_ = nullptr, *checkpoints_ = nullptr;
  S *slopes_ = nullptr, *kernel_scratch_ = nullptr;
  S* last_ = nullptr;  // the state behind the last layer
};

double ordered_mean(const std::vector<double>& losses, Index chunks, Index samples) {
  double sum = 0;
  for (Index c = 0; c < chunks; ++c) sum += losses[static_cast<std::size_t>(c)];
  return sum / static_cast<double>(samples);
}

}  // namespace

template <class S>
void logits(const ResNet& net, const S* theta, const Batch<S>& batch, S* out,
            Workspace<S>& workspace, Interrupt& interrupt) {
  const Plan<S> plan(net, batch.size);
  const int threads = useful_threads<S>(net, batch.size, plan.chunks, 1);
  const ChunkRunner<S> prototype(net, plan, threads, theta);
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
double value(const ResNet& net, Loss loss, const S* theta, const Batch<S>& batch,
             const Targets<S>& targets, Workspace<S>& workspace, Interrupt& interrupt) {
  const Plan<S> plan(net, batch.size);
  const int threads = useful_threads<S>(net, batch.size, plan.chunks, 1);
  const ChunkRunner<S> prototype(net, plan, threads, theta);
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
                      Workspace<S>& workspace, Interrupt& interrupt) {
  const Plan<S> plan(net, batch.size);
  const int threads = useful_threads<S>(net, batch.size, plan.groups, 3);
  const ChunkRunner<S> prototype(net, plan, threads, theta);
  prepare(workspace, threads, prototype.gradient_scratch());
  workspace.chunk_losses.resize(static_cast<std::size_t>(plan.chunks));
  const Index size = Layout(net).size;
  const S weight = S(1) / static_cast<S>(batch.size);
  OrderedSum<S> sum(size, plan.groups, threads, gradient, workspace.partial_gradients,
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
      runner.head();
      workspace.chunk_losses[static_cast<std::size_t>(c)] = runner.loss(loss, targets, weight);
      runner.head_backward(trainable, partial);
      if (!runner.backward(trainable, partial, interrupt, thread)) return;
    }
    sum.end(g);
  });
  return ordered_mean(workspace.chunk_losses, plan.chunks, batch.size);
}

template <class S>
Index gradient_bytes(const ResNet& net, Index samples) {
  const Plan<S> plan(net, samples);
  const int threads = useful_threads<S>(net, samples, plan.groups, 3);
  const Index scratch = ChunkRunner<S>(net, plan, threads, nullptr).gradient_scratch();
  const Index partials = OrderedSum<S>::buffer_size(Layout(net).size, plan.groups, threads);
  return (threads * scratch + partials) * static_cast<Index>(sizeof(S)) +
         plan.chunks * static_cast<Index>(sizeof(double));
}

#define MGRES_INSTANTIATE(S)                                                                  \
  template void logits<S>(const ResNet&, const S*, const Batch<S>&, S*, Workspace<S>&,        \
                          Interrupt&);                                                        \
  template double value<S>(const ResNet&, Loss, const S*, const Batch<S>&, const Targets<S>&, \
                           Workspace<S>&, Interrupt&);                                        \
  template Index gradient_bytes<S>(const ResNet&, Index);                                     \
  template double value_and_grad<S>(const ResNet&, Loss, const Trainable&, const S*,          \
                                    const Batch<S>&, const Targets<S>&, S*, Workspace<S>&,    \
                                    Interrupt&);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
