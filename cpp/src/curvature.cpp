#include "mgres/curvature.hpp"

#include <algorithm>
#include <array>

#include "mgres/arena.hpp"
#include "mgres/defect.hpp"
#include "mgres/ordered_sum.hpp"
#include "mgres/plan.hpp"

namespace mgres {

namespace {

constexpr Index kPollLayers = 8;  // between two looks at the clock

/// The layers of a stack on one chunk of samples and its tangents, there and back.
template <class S>
class TangentStack {
 public:
  TangentStack() = default;
  TangentStack(bool second, const Layers<S>& layers, const Plan<S>& plan, const S* theta,
               const S* v)
      : second_(second),
        layers_(&layers),
        plan_(&plan),
        state_(plan.state(layers.width)),
        record_(second ? layers.integrator->dual_record_size(plan.blocks)
                       : layers.integrator->record_size(plan.blocks)),
        theta_(theta),
        v_(v) {}

  void lay_out(Arena<S>& arena) {
    states_ = arena.take((layers_->depth + 1) * state_);
    // Gauss-Newton needs tangents of states only until the next layer, and those of the last one
    dots_ = arena.take((second_ ? layers_->depth + 1 : 2) * state_);
    records_ = arena.take(layers_->depth * record_);
    adjoint_ = {arena.take(state_), arena.take(state_)};
    scratch_ = arena.take(layers_->integrator->scratch(plan_->blocks));
  }

  /// The chunk from sample number `first` on, `blocks` blocks; `defect` is that of layer 0 or null.
  void bind(const S* defect, Index first, Index blocks) {
    defect_ = defect;
    first_ = first;
    blocks_ = blocks;
  }

  Dual<S> entry() const { return state(0); }
  Dual<S> last() const { return state(layers_->depth); }
  Dual<S> adjoint() const { return adjoint_; }

  /// All states and their tangents.  Returns false if interrupted, as the next one does.
  bool forward(Interrupt& interrupt, int thread) const {
    for (Index k = 0; k < layers_->depth; ++k) {
      if (k % kPollLayers == 0 && interrupt.check(thread)) return false;
      const Dual<S> next = state(k + 1);
      layers_->integrator->tangent(layer(k), blocks_, state(k), next, second_, record(k), scratch_);
      if (defect_ != nullptr)
        add_defect(layers_->width, plan_->samples, defect_, k, first_, blocks_, next.value);
    }
    return true;
  }

  /// From the last state's `adjoint` to the first one's, adding to the product `out` of the layers
  /// unless it is null.
  bool backward(S* out, Interrupt& interrupt, int thread) const {
    for (Index k = layers_->depth - 1; k >= 0; --k) {
      if (k % kPollLayers == 0 && interrupt.check(thread)) return false;
      S* of_layer = out != nullptr ? out + k * layers_->size : nullptr;
      // the Gauss-Newton matrix has the derivatives of the logits only: a gradient's way back
      if (second_)
        layers_->integrator->adjoint_tangent(layer(k), blocks_, state(k), record(k), adjoint_,
                                             of_layer, scratch_);
      else
        layers_->integrator->adjoint(layer(k).value, blocks_, state(k).value, record(k),
                                     adjoint_.dot, of_layer, scratch_);
    }
    return true;
  }

 private:
  Dual<S> state(Index k) const {
    return {states_ + k * state_, dots_ + (second_ ? k : k % 2) * state_};
  }
  S* record(Index k) const { return records_ + k * record_; }

  Dual<const S> layer(Index k) const {
    const Index at = layers_->start + k * layers_->size;
    return {theta_ + at, v_ != nullptr ? v_ + at : nullptr};
  }

  bool second_ = false;
  const Layers<S>* layers_ = nullptr;
  const Plan<S>* plan_ = nullptr;
  Index state_ = 0, record_ = 0;
  const S *theta_ = nullptr, *v_ = nullptr;

  const S* defect_ = nullptr;
  Index first_ = 0, blocks_ = 0;
  Dual<S> adjoint_{};
  S *states_ = nullptr, *dots_ = nullptr, *records_ = nullptr, *scratch_ = nullptr;
};

/// Takes one chunk of samples and its tangents through the network and back, with scratch of one
/// thread.
template <class S>
class TangentRunner {
 public:
  TangentRunner(Curvature kind, const Network<S>& net, const Plan<S>& plan,
                const Trainable& trainable, const S* theta, const S* v)
      : second_(kind == Curvature::hessian),
        net_(net),
        plan_(plan),
        trainable_(trainable),
        theta_(theta),
        v_(v) {
    const S* of_layers = trainable.blocks ? v : nullptr;
    for (std::size_t i = 0; i < net.stacks.size(); ++i)
      stacks_[i] = TangentStack<S>(second_, net.stacks[i], plan, theta, of_layers);
  }

  /// Numbers of scratch.
  Index scratch() const {
    Arena<S> counting;
    TangentRunner(*this).lay_out(counting);
    return counting.used();
  }

  /// Divide `scratch` and take chunk number `index` of `batch`.
  void bind(const Batch<S>& batch, Index index, S* scratch) {
    first_ = index * plan_.chunk;
    count_ = std::min(plan_.chunk, plan_.samples - first_);
    blocks_ = ceil_div(count_, kLanes<S>);
    X_ = batch.inputs + first_ * net_.inputs();
    Arena<S> arena(scratch);
    lay_out(arena);
    for (std::size_t i = 0; i < net_.stacks.size(); ++i) {
      const S* defect = batch.defect;
      if (defect != nullptr) defect += defect_size(net_, plan_.samples, static_cast<Index>(i));
      stacks_[i].bind(defect, first_, blocks_);
    }
  }

  /// States, logits and their tangents.  Returns false if interrupted.
  bool forward(Interrupt& interrupt, int thread) {
    open_chunk();
    for (std::size_t i = 0; i < net_.stacks.size(); ++i) {
      if (i > 0)
        pass(net_.connections[i - 1], connection(i - 1), stacks_[i - 1].last(), stacks_[i].entry());
      if (!stacks_[i].forward(interrupt, thread)) return false;
    }
    pass(net_.closing, closing(), back().last(), logits_);
    return true;
  }

  /// Logits become dloss/dlogits * weight, and their tangents that of this.
  void loss(Loss loss, const Targets<S>& targets, S weight) {
    const Index outputs = net_.outputs();
    for (Index done = 0; done < count_; done += kLanes<S>) {
      const Index here = std::min<Index>(kLanes<S>, count_ - done);
      S* z = logits_.value + done * outputs;
      block_loss_curvature(loss, targets, first_ + done, here, outputs, weight, z,
                           logits_.dot + done * outputs, targets_);
      if (second_)
        block_loss(loss, targets, first_ + done, here, outputs, weight, z, losses_, targets_);
    }
  }

  /// Back from the logits, adding to the product `out`.  Returns false if interrupted.
  bool backward(S* out, Interrupt& interrupt, int thread) {
    const Layout& at = net_.layout;
    pull(net_.closing, closing(), back().last(), logits_, back().adjoint(),
         trainable_.closing ? out + at.closing : nullptr);
    if (!trainable_.blocks && !trainable_.connections && !trainable_.opening) return true;
    for (std::size_t i = net_.stacks.size(); i-- > 0;) {
      S* of_layers = trainable_.blocks ? out + at.layers[i] : nullptr;
      if (!stacks_[i].backward(of_layers, interrupt, thread)) return false;
      if (i > 0)
        pull(net_.connections[i - 1], connection(i - 1), stacks_[i - 1].last(),
             stacks_[i].adjoint(), stacks_[i - 1].adjoint(),
             trainable_.connections ? out + at.connections[i - 1] : nullptr);
    }
    if (trainable_.opening)
      net_.opening.add_gradient(stacks_[0].adjoint().dot, X_, count_, out, inputs_);
    return true;
  }

 private:
  void lay_out(Arena<S>& arena) {
    const Index logits = net_.outputs() * plan_.chunk;
    for (std::size_t i = 0; i < net_.stacks.size(); ++i) stacks_[i].lay_out(arena);
    logits_ = {arena.take(logits), arena.take(logits)};
    inputs_ = arena.take(net_.opening.scratch_size(plan_.blocks));
    targets_ = arena.take(net_.outputs() * kLanes<S>);
    losses_ = arena.take(kLanes<S>);
    maps_ = arena.take(net_.scratch_size(plan_.blocks));
  }

  TangentStack<S>& back() { return stacks_[net_.stacks.size() - 1]; }

  Dual<const S> parameters(Index place, bool trainable) const {
    return {theta_ + place, trainable ? v_ + place : nullptr};
  }
  Dual<const S> connection(std::size_t i) const {
    return parameters(net_.layout.connections[i], trainable_.connections);
  }
  Dual<const S> closing() const { return parameters(net_.layout.closing, trainable_.closing); }

  /// y_0 and its tangent: an opening is linear in its parameters, if any, and the inputs do not vary.
  void open_chunk() {
    const Dual<S> start = stacks_[0].entry();
    if (trainable_.opening && net_.layout.opening > 0)
      net_.opening.forward(v_, X_, count_, start.dot, inputs_);
    else
      std::fill_n(start.dot, net_.stacks[0].width * blocks_ * kLanes<S>, S(0));
    net_.opening.forward(theta_, X_, count_, start.value, inputs_);
  }

  void pass(const Junction<S>& map, Dual<const S> p, Dual<const S> from, Dual<S> to) const {
    map.forward(p.value, blocks_, from.value, to.value, maps_);
    map.tangent(p, blocks_, from, to.dot, maps_);
  }

  void pull(const Junction<S>& map, Dual<const S> p, Dual<const S> from, Dual<S> g, Dual<S> to,
            S* out) const {
    S* const nothing = nullptr;
    if (second_) map.adjoint(p.value, blocks_, from.value, g.value, to.value, nothing, maps_);
    map.adjoint_tangent(p, blocks_, from, {second_ ? g.value : nullptr, g.dot}, to.dot, out, maps_);
  }

  const bool second_;
  const Network<S>& net_;
  const Plan<S>& plan_;
  const Trainable& trainable_;
  const S *theta_, *v_;
  std::array<TangentStack<S>, kMostStacks> stacks_;

  Index first_ = 0, count_ = 0, blocks_ = 0;
  const S* X_ = nullptr;
  Dual<S> logits_{};
  S *inputs_ = nullptr, *targets_ = nullptr, *losses_ = nullptr, *maps_ = nullptr;
};

}  // namespace

template <class S>
void curvature_product(Curvature kind, const Network<S>& net, Loss loss, const Trainable& trainable,
                       const S* theta, const Batch<S>& batch, const Targets<S>& targets, const S* v,
                       S* out, Workspace<S>& workspace, Interrupt& interrupt, int most_threads) {
  const Plan<S> plan(net, batch.size);
  const int sweeps = kind == Curvature::hessian ? 8 : 5;
  const int threads = useful_threads<S>(net, batch.size, plan.groups, sweeps, most_threads);
  const TangentRunner<S> prototype(kind, net, plan, trainable, theta, v);
  prepare(workspace, threads, prototype.scratch());
  const S weight = S(1) / static_cast<S>(batch.size);
  OrderedSum<S> sum(net.layout.size, plan.groups, threads, out, workspace.partial_gradients,
                    workspace.partials_finished);

  parallel_for(plan.groups, threads, interrupt, [&](Index g, int thread) {
    S* partial = sum.begin(g, interrupt, thread);
    if (partial == nullptr) return;
    TangentRunner<S> runner(prototype);
    const Index last = (g + 1) * plan.chunks / plan.groups;
    for (Index c = g * plan.chunks / plan.groups; c < last; ++c) {
      runner.bind(batch, c, scratch_of(workspace, thread));
      if (!runner.forward(interrupt, thread)) return;
      runner.loss(loss, targets, weight);
      if (!runner.backward(partial, interrupt, thread)) return;
    }
    sum.end(g);
  });
}

#define MGRES_INSTANTIATE(S)                                                                     \
  template void curvature_product<S>(Curvature, const Network<S>&, Loss, const Trainable&,       \
                                     const S*, const Batch<S>&, const Targets<S>&, const S*, S*, \
                                     Workspace<S>&, Interrupt&, int);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
