#include "mgres/curvature.hpp"

#include <algorithm>

#include "mgres/arena.hpp"
#include "mgres/defect.hpp"
#include "mgres/opening.hpp"
#include "mgres/ordered_sum.hpp"
#include "mgres/plan.hpp"
#include "mgres/products.hpp"

namespace mgres {

namespace {

constexpr Index kPollLayers = 8;  // between two looks at the clock

/// Takes one chunk of samples and its tangents through the network and back, with scratch of one
/// thread.
template <class S>
class TangentRunner {
 public:
  TangentRunner(Curvature kind, const Network<S>& net, const Plan<S>& plan,
                const Trainable& trainable, const S* theta, const S* v)
      : second_(kind == Curvature::hessian),
        net_(net),
        layout_(net.layout),
        plan_(plan),
        trainable_(trainable),
        theta_(theta),
        v_(v),
        record_(second_ ? net.integrator->dual_record_size(plan.blocks) : plan.record) {}

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
    X_ = batch.inputs + first_ * net_.inputs;
    defect_ = batch.defect;
    Arena<S> arena(scratch);
    lay_out(arena);
  }

  /// States, logits and their tangents.  Returns false if interrupted.
  bool forward(Interrupt& interrupt, int thread) {
    const Dual<S> start = state(0);
    open(net_, theta_, X_, count_, start.value, inputs_);
    if (trainable_.opening)
      open(net_, v_, X_, count_, start.dot, inputs_);
    else
      std::fill_n(start.dot, net_.width * blocks_ * kLanes<S>, S(0));
    for (Index k = 0; k < net_.depth; ++k) {
      if (k % kPollLayers == 0 && interrupt.check(thread)) return false;
      const Dual<S> next = state(k + 1);
      net_.integrator->tangent(layer(k), blocks_, state(k), next, second_, record(k),
                               step_scratch_);
      if (defect_ != nullptr)
        add_defect(net_, plan_.samples, defect_, k, first_, blocks_, next.value);
    }
    const Dual<S> last = state(net_.depth);
    const S *W_out = theta_ + layout_.closing, *b_out = theta_ + layout_.closing_bias;
    const Index v = net_.width, m = net_.outputs;
    multiply<S>(m, v, blocks_, {b_out, nullptr}, {W_out, v, 1, last.value}, {}, logits_.value);
    const Factor<S> own{W_out, v, 1, last.dot};
    if (trainable_.closing)
      multiply<S>(m, v, blocks_, {v_ + layout_.closing_bias, nullptr}, own,
                  {v_ + layout_.closing, v, 1, last.value}, logits_.dot);
    else
      multiply<S>(m, v, blocks_, {}, own, {}, logits_.dot);
    return true;
  }

  /// Logits become dloss/dlogits * weight, and their tangents that of this.
  void loss(Loss loss, const Targets<S>& targets, S weight) {
    for (Index done = 0; done < count_; done += kLanes<S>) {
      const Index here = std::min<Index>(kLanes<S>, count_ - done);
      S* z = logits_.value + done * net_.outputs;
      block_loss_curvature(loss, targets, first_ + done, here, net_.outputs, weight, z,
                           logits_.dot + done * net_.outputs, targets_);
      if (second_)
        block_loss(loss, targets, first_ + done, here, net_.outputs, weight, z, losses_, targets_);
    }
  }

  /// Back from the logits, adding to the product `out`.  Returns false if interrupted.
  bool backward(S* out, Interrupt& interrupt, int thread) {
    head_backward(out);
    if (!trainable_.blocks && !trainable_.opening) return true;
    for (Index k = net_.depth - 1; k >= 0; --k) {
      if (k % kPollLayers == 0 && interrupt.check(thread)) return false;
      S* of_layer = trainable_.blocks ? out + layout_.layers + k * layout_.layer : nullptr;
      // the Gauss-Newton matrix has the derivatives of the logits only: a gradient's way back
      if (second_)
        net_.integrator->adjoint_tangent(layer(k), blocks_, state(k), record(k), adjoint_, of_layer,
                                         step_scratch_);
      else
        net_.integrator->adjoint(layer(k).value, blocks_, state(k).value, record(k), adjoint_.dot,
                                 of_layer, step_scratch_);
    }
    if (trainable_.opening) add_opening_gradient(net_, adjoint_.dot, X_, count_, inputs_, out);
    return true;
  }

 private:
  void lay_out(Arena<S>& arena) {
    const Index logits = net_.outputs * plan_.chunk;
    states_ = arena.take((net_.depth + 1) * plan_.state);
    // Gauss-Newton needs tangents of states only until the next layer
    dots_ = arena.take((second_ ? net_.depth + 1 : 2) * plan_.state);
    records_ = arena.take(net_.depth * record_);
    adjoint_ = {arena.take(plan_.state), arena.take(plan_.state)};
    logits_ = {arena.take(logits), arena.take(logits)};
    inputs_ = arena.take(opening_scratch<S>(net_.inputs, plan_.blocks));
    targets_ = arena.take(net_.outputs * kLanes<S>);
    losses_ = arena.take(kLanes<S>);
    outer_ = arena.take(outer_scratch<S>(net_.outputs, net_.width, plan_.blocks));
    step_scratch_ = arena.take(net_.integrator->scratch(plan_.blocks));
  }

  Dual<S> state(Index k) const {
    return {states_ + k * plan_.state, dots_ + (second_ ? k : k % 2) * plan_.state};
  }
  S* record(Index k) const { return records_ + k * record_; }

  Dual<const S> layer(Index k) const {
    const Index at = layout_.layers + k * layout_.layer;
    return {theta_ + at, trainable_.blocks ? v_ + at : nullptr};
  }

  void head_backward(S* out) {
    const Index v = net_.width, m = net_.outputs;
    const S* W_out = theta_ + layout_.closing;
    Factor<S> other{};
    if (second_) {
      multiply<S>(v, m, blocks_, {}, {W_out, 1, v, logits_.value}, {}, adjoint_.value);
      if (trainable_.closing) other = {v_ + layout_.closing, 1, v, logits_.value};
    }
    multiply<S>(v, m, blocks_, {}, {W_out, 1, v, logits_.dot}, other, adjoint_.dot);
    if (!trainable_.closing) return;
    const Dual<S> last = state(net_.depth);
    S* weights = out + layout_.closing;
    add_outer(m, v, blocks_, logits_.dot, last.value, weights, outer_);
    if (second_) add_outer(m, v, blocks_, logits_.value, last.dot, weights, outer_);
    add_sums(m, blocks_, logits_.dot, out + layout_.closing_bias, outer_);
  }

  const bool second_;
  const Network<S>& net_;
  const Layout& layout_;
  const Plan<S>& plan_;
  const Trainable& trainable_;
  const S *theta_, *v_;
  const Index record_;

  Index first_ = 0, count_ = 0, blocks_ = 0;
  const S *X_ = nullptr, *defect_ = nullptr;
  Dual<S> adjoint_{}, logits_{};
  S *states_ = nullptr, *dots_ = nullptr, *records_ = nullptr, *inputs_ = nullptr;
  S *targets_ = nullptr, *losses_ = nullptr, *outer_ = nullptr, *step_scratch_ = nullptr;
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
