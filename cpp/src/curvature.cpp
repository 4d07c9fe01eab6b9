#include "mgres/curvature.hpp"

#include <algorithm>

#include "mgres/check.hpp"
#include "mgres/closing.hpp"
#include "mgres/defect.hpp"
#include "mgres/effective.hpp"
#include "mgres/opening.hpp"
#include "mgres/ordered_sum.hpp"
#include "mgres/plan.hpp"
#include "mgres/products.hpp"
#include "mgres/tangent.hpp"

namespace mgres {

namespace {

constexpr Index kPollLayers = 8;  // between two looks at the clock

/// Takes one chunk of samples and its tangents through the network and back, with scratch of one
/// thread.
template <class S>
class TangentRunner {
 public:
  /// `layers` are the effective layers of theta, `layers_dot` their derivatives along v.
  TangentRunner(Curvature kind, const ResNet& net, const Plan<S>& plan, const Trainable& trainable,
                const S* theta, const S* layers, const S* v, const S* layers_dot)
      : second_(kind == Curvature::hessian),
        net_(net),
        layout_(net),
        plan_(plan),
        tableau_(tableau(net.scheme, net.substeps)),
        trainable_(trainable),
        theta_(theta),
        layers_(layers),
        v_(v),
        layers_dot_(layers_dot) {}

  /// Numbers of scratch.
  Index scratch() const {
    const Index state = plan_.state;
    const Index kept = 2 * state * (1 + net_.depth * tableau_.stages * (second_ ? 2 : 1));
    const Index rolling = second_ ? 0 : 2 * tableau_.stages * state;
    return room(kept) + room(rolling) + room(2 * state) + room(2 * net_.outputs * plan_.chunk) +
           room(opening_scratch<S>(net_.inputs, plan_.blocks)) + room(net_.outputs * kLanes<S>) +
           room(kLanes<S>) + room(kernel_scratch());
  }

  /// Lay out `scratch` for chunk number `index` of `batch`.
  void bind(const Batch<S>& batch, Index index, S* scratch) {
    first_ = index * plan_.chunk;
    count_ = std::min(plan_.chunk, plan_.samples - first_);
    blocks_ = ceil_div(count_, kLanes<S>);
    size_ = net_.width * blocks_ * kLanes<S>;
    X_ = batch.inputs + first_ * net_.inputs;
    defect_ = batch.defect;
    free_ = scratch;
    kept_ = take(2 * size_ * (1 + net_.depth * tableau_.stages * (second_ ? 2 : 1)));
    rolling_ = take(second_ ? 0 : 2 * tableau_.stages * size_);
    adjoint_dot_ = take(2 * size_);
    logits_dot_ = take(2 * net_.outputs * blocks_ * kLanes<S>);
    inputs_ = take(opening_scratch<S>(net_.inputs, plan_.blocks));
    targets_ = take(net_.outputs * kLanes<S>);
    losses_ = take(kLanes<S>);
    kernel_scratch_ = take(kernel_scratch());
  }

  /// States, logits and their tangents.  Returns false if interrupted.
  bool forward(Interrupt& interrupt, int thread) {
    const Stage<S> start = stage(0, 0);
    open(net_, theta_, X_, count_, start.x, inputs_);
    if (trainable_.opening)
      open(net_, v_, X_, count_, start.x_dot, inputs_);
    else
      std::fill_n(start.x_dot, size_, S(0));
    for (Index k = 0; k < net_.depth; ++k) {
      if (k % kPollLayers == 0 && interrupt.check(thread)) return false;
      Stage<S> stages[kMaxStages];
      get_stages(k, stages);
      const Stage<S> next = stage(k + 1, 0);
      forward_tangent(layer(k), tableau_, stages, next.x, next.x_dot, kernel_scratch_);
      if (defect_ != nullptr) add_defect(net_, plan_.samples, defect_, k, first_, blocks_, next.x);
    }
    const Stage<S> last = stage(net_.depth, 0);
    const S* W_out = theta_ + layout_.closing;
    const Index v = net_.width, m = net_.outputs;
    multiply<S>(m, v, blocks_, Start::bias, theta_ + layout_.closing_bias, {W_out, v, 1, last.x},
                {}, logits());
    const Factor<S> own{W_out, v, 1, last.x_dot};
    if (trainable_.closing)
      multiply<S>(m, v, blocks_, Start::bias, v_ + layout_.closing_bias, own,
                  {v_ + layout_.closing, v, 1, last.x}, logits_dot_);
    else
      multiply<S>(m, v, blocks_, Start::zero, nullptr, own, {}, logits_dot_);
    return true;
  }

  /// Logits become dloss/dlogits * weight, and their tangents that of this.
  void loss(Loss loss, const Targets<S>& targets, S weight) {
    for (Index done = 0; done < count_; done += kLanes<S>) {
      const Index here = std::min<Index>(kLanes<S>, count_ - done);
      S* z = logits() + done * net_.outputs;
      block_loss_curvature(loss, targets, first_ + done, here, net_.outputs, weight, z,
                           logits_dot_ + done * net_.outputs, targets_);
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
      Stage<S> stages[kMaxStages];
      get_stages(k, stages);
      S* of_layer = trainable_.blocks ? out + layout_.layers + k * layout_.layer : nullptr;
      backward_tangent(layer(k), tableau_, stages, adjoint(), adjoint_dot_, of_layer,
                       kernel_scratch_);
    }
    if (trainable_.opening) add_opening_gradient(net_, adjoint_dot_, X_, count_, inputs_, out);
    return true;
  }

 private:
  static Index room(Index size) { return round_up(size, 64 / static_cast<Index>(sizeof(S))); }

  S* take(Index size) {
    S* taken = free_;
    free_ += room(size);
    return taken;
  }

  Index kernel_scratch() const {
    return std::max(tangent_scratch<S>(net_.width, plan_.blocks, tableau_.stages),
                    outer_scratch<S>(net_.outputs, net_.width, 2 * plan_.blocks));
  }

  /// Where stage i of layer k is kept; the "stage" behind the last layer is only a state.
  Stage<S> stage(Index k, int i) const {
    const Index index = k * tableau_.stages + i;
    if (second_) {
      S* x = kept_ + 4 * size_ * index;
      return {x, x + size_, x + 2 * size_, x + 3 * size_};
    }
    S* x = kept_ + 2 * size_ * index;
    return {x, rolling_ + (k % 2 * tableau_.stages + i) * size_, x + size_, nullptr};
  }

  void get_stages(Index k, Stage<S>* to) const {
    for (int i = 0; i < tableau_.stages; ++i) to[i] = stage(k, i);
  }

  TangentLayer<S> layer(Index k) const {
    const Index at = k * layout_.layer;
    return {layers_ + at,
            trainable_.blocks ? layers_dot_ + at : nullptr,
            net_.width,
            blocks_,
            static_cast<S>(net_.step()),
            net_.activation};
  }

  // what is needed for second derivatives only follows its tangent without a gap: see add_outer
  S* logits() const { return logits_dot_ + net_.outputs * blocks_ * kLanes<S>; }
  S* adjoint() const { return second_ ? adjoint_dot_ + size_ : nullptr; }

  void head_backward(S* out) {
    const Index v = net_.width, m = net_.outputs;
    const S* W_out = theta_ + layout_.closing;
    const Factor<S> own{W_out, 1, v, logits_dot_};
    Factor<S> other{};
    if (second_) {
      multiply<S>(v, m, blocks_, Start::zero, nullptr, {W_out, 1, v, logits()}, {}, adjoint());
      if (trainable_.closing) other = {v_ + layout_.closing, 1, v, logits()};
    }
    multiply<S>(v, m, blocks_, Start::zero, nullptr, own, other, adjoint_dot_);
    if (!trainable_.closing) return;
    add_outer<S>(m, v, second_ ? 2 * blocks_ : blocks_, logits_dot_, stage(net_.depth, 0).x,
                 out + layout_.closing, kernel_scratch_);
    add_sums<S>(m, blocks_, logits_dot_, out + layout_.closing_bias, kernel_scratch_);
  }

  const bool second_;
  const ResNet& net_;
  const Layout layout_;
  const Plan<S>& plan_;
  const Tableau tableau_;
  const Trainable& trainable_;
  const S *theta_, *layers_, *v_, *layers_dot_;

  Index first_ = 0, count_ = 0, blocks_ = 0, size_ = 0;
  const S *X_ = nullptr, *defect_ = nullptr;
  S *free_ = nullptr, *kept_ = nullptr, *rolling_ = nullptr, *adjoint_dot_ = nullptr;
  S *logits_dot_ = nullptr, *inputs_ = nullptr, *targets_ = nullptr, *losses_ = nullptr;
  S* kernel_scratch_ = nullptr;
};

}  // namespace

template <class S>
void curvature_product(Curvature kind, const ResNet& net, Loss loss, const Trainable& trainable,
                       const S* theta, const Batch<S>& batch, const Targets<S>& targets, const S* v,
                       S* out, Workspace<S>& workspace, Interrupt& interrupt, int most_threads) {
  check(net.scheme != Scheme::verlet,
        "scheme: expected euler, matched or rk4 for second derivatives, got verlet");
  const Index size = effective_size(net);
  S* memory = workspace.effective_layers.reserve(2 * size);
  const S* layers = effective_layers(net, theta, memory);
  ResNet linear = net;  // the damping is a constant
  linear.damping = 0;
  const S* layers_dot = effective_layers(linear, v, memory + size);

  const Plan<S> plan(net, batch.size);
  const int sweeps = kind == Curvature::hessian ? 8 : 5;
  const int threads = useful_threads<S>(net, batch.size, plan.groups, sweeps, most_threads);
  const TangentRunner<S> prototype(kind, net, plan, trainable, theta, layers, v, layers_dot);
  prepare(workspace, threads, prototype.scratch());
  const S weight = S(1) / static_cast<S>(batch.size);
  OrderedSum<S> sum(Layout(net).size, plan.groups, threads, out, workspace.partial_gradients,
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
  if (trainable.blocks) pull_back(net, out);
}

#define MGRES_INSTANTIATE(S)                                                                     \
  template void curvature_product<S>(Curvature, const ResNet&, Loss, const Trainable&, const S*, \
                                     const Batch<S>&, const Targets<S>&, const S*, S*,           \
                                     Workspace<S>&, Interrupt&, int);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
