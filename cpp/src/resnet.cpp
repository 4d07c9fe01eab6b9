#include "mgres/resnet.hpp"

#include <algorithm>

#include <Eigen/Core>

#include "mgres/block.hpp"
#include "mgres/kernel.hpp"

namespace mgres {

namespace {

// ---- how a batch is cut up; nothing here may depend on the number of threads --------------------

constexpr Index kChunk = 128;               // samples; enough to amortise the lane sums of dW
constexpr Index kMaxGroups = 16;            // partial gradients, and so threads that help
constexpr Index kPartialBytes = 256 << 20;  // at most, while there are more than two groups
constexpr Index kSegmentBytes = 512 << 10;  // states and slopes of a segment stay in the L2 cache
constexpr Index kStoreBytes = 32 << 20;     // below this, wide networks store all states instead
constexpr Index kStoreWidth = 32;           // from here on, recomputing costs more than memory
constexpr double kSerialFlops = 1e6;        // less work than this is done before a thread wakes up

template <class S>
struct Plan {
  Plan(const ResNet& net, const LayerKernel<S>& kernel, Index batch_size)
      : lanes(kernel.lanes), samples(batch_size) {
    const Index wanted = ceil_div(samples, kChunk);
    const Index even = samples > kChunk ? round_up(wanted, 2) : wanted;
    chunk = round_up(ceil_div(samples, even), lanes);
    chunks = ceil_div(samples, chunk);
    const Index gradient_bytes = Layout(net).size * static_cast<Index>(sizeof(S));
    groups = std::min(chunks, std::clamp<Index>(kPartialBytes / gradient_bytes, 2, kMaxGroups));
    state = net.width * chunk;
    const Index layer_bytes = 2 * state * static_cast<Index>(sizeof(S));
    const bool store_all = net.width >= kStoreWidth && net.depth * layer_bytes <= kStoreBytes;
    segment = store_all ? net.depth : std::clamp<Index>(kSegmentBytes / layer_bytes, 1, net.depth);
    segments = ceil_div(net.depth, segment);
  }

  Index blocks(Index count) const { return ceil_div(count, lanes); }

  Index lanes;    // samples of a block
  Index samples;  // n
  Index chunk;    // samples of a chunk, a multiple of lanes
  Index chunks;
  Index groups;   // chunks are dealt out to groups in order
  Index state;    // numbers in the state of a chunk
  Index segment;  // layers of a segment
  Index segments;
};

template <class S>
int useful_threads(const ResNet& net, Index samples, Index tasks, int sweeps) {
  const double per_sample = static_cast<double>(net.width) *
                            static_cast<double>(net.depth * net.width + net.inputs + net.outputs);
  const double flops = 2.0 * sweeps * per_sample * static_cast<double>(samples);
  return flops < kSerialFlops ? 1 : static_cast<int>(std::min<Index>(num_threads(), tasks));
}

// ---- opening operator: y_0 = Q x ------------------------------------------------------------------

template <class S>
using RowMajor = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class S>
using ColMajor = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

/// Features per panel of X: Eigen packs a panel on the stack, without allocating.
template <class S>
constexpr Index kPanel = 512 / static_cast<Index>(sizeof(S));

/// Between a column-major width x count matrix and the block layout of a chunk.
template <class S>
void to_blocks(const S* matrix, Index width, Index count, Index lanes, Index blocks, S* state) {
  std::fill_n(state, width * lanes * blocks, S(0));
  for (Index s = 0; s < count; ++s)
    for (Index i = 0; i < width; ++i)
      state[(s / lanes * width + i) * lanes + s % lanes] = matrix[s * width + i];
}

template <class S>
void from_blocks(const S* state, Index width, Index count, Index lanes, S* matrix) {
  for (Index s = 0; s < count; ++s)
    for (Index i = 0; i < width; ++i)
      matrix[s * width + i] = state[(s / lanes * width + i) * lanes + s % lanes];
}

template <class S>
void open(const ResNet& net, const S* Q_data, const S* X_data, Index count, S* y0_data) {
  const Eigen::Map<const RowMajor<S>> Q(Q_data, net.width, net.inputs);
  const Eigen::Map<const RowMajor<S>> X(X_data, count, net.inputs);
  Eigen::Map<ColMajor<S>> y0(y0_data, net.width, count);
  y0.setZero();
  for (Index j = 0; j < net.inputs; j += kPanel<S>) {
    const Index n = std::min(kPanel<S>, net.inputs - j);
    y0.noalias() += Q.middleCols(j, n) * X.middleCols(j, n).transpose();
  }
}

template <class S>
void open_gradient(const ResNet& net, const S* a0_data, const S* X_data, Index count, S* dQ_data) {
  const Eigen::Map<const ColMajor<S>> a0(a0_data, net.width, count);
  const Eigen::Map<const RowMajor<S>> X(X_data, count, net.inputs);
  Eigen::Map<RowMajor<S>> dQ(dQ_data, net.width, net.inputs);
  for (Index j = 0; j < net.inputs; j += kPanel<S>) {
    const Index n = std::min(kPanel<S>, net.inputs - j);
    dQ.middleCols(j, n).noalias() += a0 * X.middleCols(j, n);
  }
}

// ---- one chunk ------------------------------------------------------------------------------------

/// Takes chunks of samples through the network and back, with scratch of one thread.
template <class S>
class ChunkRunner {
 public:
  ChunkRunner(const ResNet& net, const LayerKernel<S>& kernel, const Plan<S>& plan, const S* theta)
      : net_(net), layout_(net), kernel_(kernel), plan_(plan), theta_(theta) {}

  /// Numbers of scratch for a forward sweep, and what a gradient needs on top.
  Index forward_scratch() const {
    return 2 * room(plan_.state) + room(net_.outputs * plan_.chunk) +
           room(net_.outputs * plan_.lanes) + room(plan_.lanes) + room(kernel_scratch_size());
  }
  Index gradient_scratch() const {
    return forward_scratch() + room(plan_.state) + room(plan_.segments * plan_.state) +
           2 * room(plan_.segment * plan_.state);
  }

  /// Lay out `scratch` for chunk number `index` of `batch`.
  void bind(const Batch<S>& batch, Index index, S* scratch) {
    first_ = index * plan_.chunk;
    count_ = std::min(plan_.chunk, plan_.samples - first_);
    blocks_ = plan_.blocks(count_);
    X_ = batch.inputs + first_ * net_.inputs;
    free_ = scratch;
    state_ = take(plan_.state);
    matrix_ = take(plan_.state);
    logits_ = take(net_.outputs * plan_.chunk);
    targets_ = take(net_.outputs * plan_.lanes);
    losses_ = take(plan_.lanes);
    kernel_scratch_ = take(kernel_scratch_size());
  }

  void bind_gradient() {
    adjoint_ = take(plan_.state);
    checkpoints_ = take(plan_.segments * plan_.state);
    states_ = take(plan_.segment * plan_.state);
    slopes_ = take(plan_.segment * plan_.state);
  }

  /// y_0 ... y_K.  With checkpoints, the input of every segment is kept, and of the last one all
  /// that the way back needs.  Returns false if interrupted.
  bool forward(bool checkpoints, Interrupt& interrupt, int thread) {
    open(net_, theta_, X_, count_, matrix_);
    to_blocks(matrix_, net_.width, count_, plan_.lanes, blocks_, state_);
    for (Index s = 0; s < plan_.segments; ++s) {
      if (interrupt.check(thread)) return false;
      const bool last = s + 1 == plan_.segments;
      if (checkpoints) std::copy_n(state_, plan_.state, checkpoints_ + s * plan_.state);
      kernel_.forward(segment(s), state_, checkpoints && last ? states_ : nullptr,
                      checkpoints && last ? slopes_ : nullptr, kernel_scratch_);
    }
    return true;
  }

  /// Logits of the chunk, in block layout.
  void head() {
    const S* W = theta_ + layout_.closing;
    const S* b = theta_ + layout_.closing_bias;
    const Index lanes = plan_.lanes;
    for (Index block = 0; block < blocks_; ++block) {
      S* z = logits_ + block * net_.outputs * lanes;
      for (Index c = 0; c < net_.outputs; ++c) std::fill_n(z + c * lanes, lanes, b[c]);
      const S* y = state_ + block * net_.width * lanes;
      for (Index v = 0; v < lanes; v += kLanes<S>) multiply_strided(W, y + v, z + v, lanes);
    }
  }

  void write_logits(S* out) {
    from_blocks(logits_, net_.outputs, count_, plan_.lanes, out + first_ * net_.outputs);
  }

  /// The sum of the samples' losses; turns logits into dloss/dlogits * weight.
  double loss(Loss loss, const Targets<S>& targets, S weight) {
    double sum = 0;
    for (Index block = 0; block < blocks_; ++block) {
      const Index done = block * plan_.lanes;
      block_loss(loss, targets, first_ + done, std::min(plan_.lanes, count_ - done), net_.outputs,
                 plan_.lanes, weight, logits_ + done * net_.outputs, losses_, targets_);
      for (Index l = 0; l < plan_.lanes; ++l) sum += static_cast<double>(losses_[l]);
    }
    return sum;
  }

  /// From dloss/dlogits to dloss/dy_K; adds the classifier's gradient unless it is fixed.
  void head_backward(const Trainable& trainable, S* gradient) {
    const S* W = theta_ + layout_.closing;
    const Index lanes = plan_.lanes;
    std::fill_n(adjoint_, plan_.state, S(0));
    for (Index block = 0; block < blocks_; ++block) {
      const S* g = logits_ + block * net_.outputs * lanes;
      S* a = adjoint_ + block * net_.width * lanes;
      for (Index c = 0; c < net_.outputs; ++c)
        for (Index i = 0; i < net_.width; ++i) {
          const S w = W[c * net_.width + i];
          for (Index l = 0; l < lanes; ++l) a[i * lanes + l] += w * g[c * lanes + l];
        }
    }
    if (!trainable.closing) return;
    // lanes of a block are just more blocks of one vector each
    const Index m = net_.outputs;
    const Index v = net_.width;
    for (Index c = 0; c < m; ++c) {
      std::fill_n(kernel_scratch_, (v + 1) * kLanes<S>, S(0));
      for (Index block = 0; block < blocks_; ++block)
        for (Index l = 0; l < lanes; l += kLanes<S>) {
          const Pack<S> g = load(logits_ + (block * m + c) * lanes + l);
          for (Index i = 0; i < v; ++i) {
            S* sum = kernel_scratch_ + i * kLanes<S>;
            store(sum, load(sum) + g * load(state_ + (block * v + i) * lanes + l));
          }
          S* sum = kernel_scratch_ + v * kLanes<S>;
          store(sum, load(sum) + g);
        }
      add_lane_sums(kernel_scratch_, v, gradient + layout_.closing + c * v);
      add_lane_sums(kernel_scratch_ + v * kLanes<S>, 1, gradient + layout_.closing_bias + c);
    }
  }

  /// Back through the layers, one segment at a time, and through the opening operator.
  void backward(const Trainable& trainable, S* gradient, Interrupt& interrupt, int thread) {
    if (!trainable.blocks && !trainable.opening) return;
    for (Index s = plan_.segments - 1; s >= 0; --s) {
      if (interrupt.check(thread)) return;
      const Segment<S> layers = segment(s);
      if (s + 1 < plan_.segments) {
        std::copy_n(checkpoints_ + s * plan_.state, plan_.state, state_);
        kernel_.forward(layers, state_, states_, slopes_, kernel_scratch_);
      }
      S* layers_gradient = gradient + (layers.parameters - theta_);
      kernel_.backward(layers, states_, slopes_, adjoint_,
                       trainable.blocks ? layers_gradient : nullptr, kernel_scratch_);
    }
    if (!trainable.opening) return;
    from_blocks(adjoint_, net_.width, count_, plan_.lanes, matrix_);
    open_gradient(net_, matrix_, X_, count_, gradient);
  }

 private:
  static Index room(Index size) { return round_up(size, 64 / static_cast<Index>(sizeof(S))); }

  S* take(Index size) {
    S* taken = free_;
    free_ += room(size);
    return taken;
  }

  Index kernel_scratch_size() const {
    const Index head = (net_.width + 1) * kLanes<S>;
    return std::max(kernel_.scratch_size(net_.width, plan_.blocks(plan_.chunk)), head);
  }

  Segment<S> segment(Index s) const {
    const Index first = s * plan_.segment;
    const Index layers = std::min(plan_.segment, net_.depth - first);
    return {theta_ + layout_.layers + first * layout_.layer,
            layers,
            net_.width,
            blocks_,
            static_cast<S>(net_.step()),
            net_.activation};
  }

  /// z += W y for one vector of samples whose features lie `lanes` apart.
  void multiply_strided(const S* W, const S* y, S* z, Index lanes) const {
    for (Index c = 0; c < net_.outputs; ++c) {
      Pack<S> sum = load(z + c * lanes);
      for (Index i = 0; i < net_.width; ++i) sum += W[c * net_.width + i] * load(y + i * lanes);
      store(z + c * lanes, sum);
    }
  }

  const ResNet& net_;
  const Layout layout_;
  const LayerKernel<S>& kernel_;
  const Plan<S>& plan_;
  const S* theta_;

  Index first_ = 0, count_ = 0, blocks_ = 0;
  const S* X_ = nullptr;
  S *free_ = nullptr, *state_ = nullptr, *matrix_ = nullptr, *logits_ = nullptr;
  S *targets_ = nullptr, *losses_ = nullptr, *adjoint_ = nullptr, *checkpoints_ = nullptr;
  S *states_ = nullptr, *slopes_ = nullptr, *kernel_scratch_ = nullptr;
};

template <class S>
void prepare(Workspace<S>& workspace, int threads, Index scratch) {
  if (workspace.threads.size() < static_cast<std::size_t>(threads))
    workspace.threads.resize(static_cast<std::size_t>(threads));
  for (int t = 0; t < threads; ++t) workspace.threads[static_cast<std::size_t>(t)].reserve(scratch);
}

template <class S>
S* scratch_of(Workspace<S>& workspace, int thread) {
  return workspace.threads[static_cast<std::size_t>(thread)].reserve(0);
}

/// gradient += partials, element by element in the order of the groups.
template <class S>
void add_partials(Index size, Index partials, const S* partial, S* gradient, int threads,
                  Interrupt& interrupt) {
  constexpr Index kSlice = 1 << 14;
  parallel_for(ceil_div(size, kSlice), threads, interrupt, [&](Index slice, int) {
    const Index first = slice * kSlice;
    const Index n = std::min(kSlice, size - first);
    S* to = gradient + first;
    for (Index p = 0; p < partials; ++p) {
      const S* from = partial + p * size + first;
      for (Index i = 0; i < n; ++i) to[i] += from[i];
    }
  });
}

double ordered_mean(const std::vector<double>& losses, Index chunks, Index samples) {
  double sum = 0;
  for (Index c = 0; c < chunks; ++c) sum += losses[static_cast<std::size_t>(c)];
  return sum / static_cast<double>(samples);
}

}  // namespace

template <class S>
void logits(const ResNet& net, const S* theta, const Batch<S>& batch, S* out,
            Workspace<S>& workspace, Interrupt& interrupt) {
  const LayerKernel<S>& kernel = layer_kernel<S>(net.width);
  const Plan<S> plan(net, kernel, batch.size);
  const int threads = useful_threads<S>(net, batch.size, plan.chunks, 1);
  const ChunkRunner<S> prototype(net, kernel, plan, theta);
  prepare(workspace, threads, prototype.forward_scratch());
  parallel_for(plan.chunks, threads, interrupt, [&](Index c, int thread) {
    ChunkRunner<S> runner(prototype);
    runner.bind(batch, c, scratch_of(workspace, thread));
    if (!runner.forward(false, interrupt, thread)) return;
    runner.head();
    runner.write_logits(out);
  });
}

template <class S>
double value(const ResNet& net, Loss loss, const S* theta, const Batch<S>& batch,
             const Targets<S>& targets, Workspace<S>& workspace, Interrupt& interrupt) {
  const LayerKernel<S>& kernel = layer_kernel<S>(net.width);
  const Plan<S> plan(net, kernel, batch.size);
  const int threads = useful_threads<S>(net, batch.size, plan.chunks, 1);
  const ChunkRunner<S> prototype(net, kernel, plan, theta);
  prepare(workspace, threads, prototype.forward_scratch());
  workspace.chunk_losses.resize(static_cast<std::size_t>(plan.chunks));
  parallel_for(plan.chunks, threads, interrupt, [&](Index c, int thread) {
    ChunkRunner<S> runner(prototype);
    runner.bind(batch, c, scratch_of(workspace, thread));
    if (!runner.forward(false, interrupt, thread)) return;
    runner.head();
    workspace.chunk_losses[static_cast<std::size_t>(c)] = runner.loss(loss, targets, S(0));
  });
  return ordered_mean(workspace.chunk_losses, plan.chunks, batch.size);
}

template <class S>
double value_and_grad(const ResNet& net, Loss loss, const Trainable& trainable, const S* theta,
                      const Batch<S>& batch, const Targets<S>& targets, S* gradient,
                      Workspace<S>& workspace, Interrupt& interrupt) {
  const LayerKernel<S>& kernel = layer_kernel<S>(net.width);
  const Plan<S> plan(net, kernel, batch.size);
  const int threads = useful_threads<S>(net, batch.size, plan.groups, 3);
  const ChunkRunner<S> prototype(net, kernel, plan, theta);
  prepare(workspace, threads, prototype.gradient_scratch());
  workspace.chunk_losses.resize(static_cast<std::size_t>(plan.chunks));
  const Index size = Layout(net).size;
  S* partials = workspace.partial_gradients.reserve((plan.groups - 1) * size);
  const S weight = S(1) / static_cast<S>(batch.size);

  parallel_for(plan.groups, threads, interrupt, [&](Index g, int thread) {
    S* sum = g == 0 ? gradient : partials + (g - 1) * size;
    std::fill_n(sum, size, S(0));
    ChunkRunner<S> runner(prototype);
    const Index last = (g + 1) * plan.chunks / plan.groups;
    for (Index c = g * plan.chunks / plan.groups; c < last; ++c) {
      runner.bind(batch, c, scratch_of(workspace, thread));
      runner.bind_gradient();
      if (!runner.forward(true, interrupt, thread)) return;
      runner.head();
      workspace.chunk_losses[static_cast<std::size_t>(c)] = runner.loss(loss, targets, weight);
      runner.head_backward(trainable, sum);
      runner.backward(trainable, sum, interrupt, thread);
    }
  });
  add_partials(size, plan.groups - 1, partials, gradient, threads, interrupt);
  return ordered_mean(workspace.chunk_losses, plan.chunks, batch.size);
}

#define MGRES_INSTANTIATE(S)                                                                  \
  template void logits<S>(const ResNet&, const S*, const Batch<S>&, S*, Workspace<S>&,        \
                          Interrupt&);                                                        \
  template double value<S>(const ResNet&, Loss, const S*, const Batch<S>&, const Targets<S>&, \
                           Workspace<S>&, Interrupt&);                                        \
  template double value_and_grad<S>(const ResNet&, Loss, const Trainable&, const S*,          \
                                    const Batch<S>&, const Targets<S>&, S*, Workspace<S>&,    \
                                    Interrupt&);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
