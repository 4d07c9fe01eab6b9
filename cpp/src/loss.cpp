#include "mgres/loss.hpp"

#include <cmath>
#include <limits>

#include "mgres/vecmath.hpp"

namespace mgres {

namespace {

/// The targets of a block as vectors (m, lanes); zero where there is no sample.
template <class S>
void gather(const Targets<S>& targets, Index first, Index count, Index outputs, S* out) {
  constexpr Index lanes = kLanes<S>;
  const Index row = targets.row(outputs);
  for (Index i = 0; i < outputs * lanes; ++i) out[i] = 0;
  for (Index l = 0; l < count; ++l)
    if (targets.labels != nullptr)
      out[targets.labels[first + l] * lanes + l] = 1;
    else
      for (Index c = 0; c < outputs; ++c)
        out[c * lanes + l] = targets.vectors[(first + l) * row + c];
}

template <class S>
void cross_entropy(const S* p, Index outputs, S* z, S* losses) {
  constexpr Index lanes = kLanes<S>;
  Pack<S> largest = load(z);
  for (Index c = 1; c < outputs; ++c) largest = max<S>(largest, load(z + c * lanes));
  const Pack<S> lowest = Pack<S>{} + std::numeric_limits<S>::lowest();
  Pack<S> sum{}, mass{}, linear{};
  for (Index c = 0; c < outputs; ++c) {
    // a difference may overflow; times a target of 0 it must not be a NaN, which those of z remain
    // in the exponentials
    const Pack<S> difference = load(z + c * lanes) - largest;
    const Pack<S> shifted = max<S>(difference, lowest);
    const Pack<S> pc = load(p + c * lanes);
    const Pack<S> e = exp<S>(difference);
    sum += e;
    mass += pc;
    linear += pc * shifted;
    store(z + c * lanes, e);
  }
  Pack<S> log_sum;
  for (int l = 0; l < kLanes<S>; ++l) log_sum[l] = std::log(sum[l]);
  store(losses, mass * log_sum - linear);
  const Pack<S> factor = mass / sum;
  for (Index c = 0; c < outputs; ++c) {
    S* zc = z + c * lanes;
    store(zc, load(zc) * factor - load(p + c * lanes));
  }
}

template <class S>
void squared_error(const S* t, Index outputs, S* z, S* losses) {
  constexpr Index lanes = kLanes<S>;
  Pack<S> sum{};
  for (Index c = 0; c < outputs; ++c) {
    S* zc = z + c * lanes;
    const Pack<S> difference = load(zc) - load(t + c * lanes);
    sum += difference * difference;
    store(zc, difference);
  }
  store(losses, sum / 2);
}

/// `p` holds the targets, and then the exponentials.
template <class S>
void cross_entropy_curvature(S* p, Index outputs, const S* z, S* z_dot) {
  constexpr Index lanes = kLanes<S>;
  Pack<S> largest = load(z), mass{};
  for (Index c = 0; c < outputs; ++c) {
    largest = max<S>(largest, load(z + c * lanes));
    mass += load(p + c * lanes);
  }
  Pack<S> sum{}, linear{};
  for (Index c = 0; c < outputs; ++c) {
    const Pack<S> e = exp<S>(load(z + c * lanes) - largest);
    sum += e;
    linear += e * load(z_dot + c * lanes);
    store(p + c * lanes, e);
  }
  const Pack<S> mean = linear / sum, factor = mass / sum;
  for (Index c = 0; c < outputs; ++c) {
    S* dot = z_dot + c * lanes;
    store(dot, factor * load(p + c * lanes) * (load(dot) - mean));
  }
}

/// Multiply by `weight`, and set to zero what belongs to no sample.
template <class S>
void weigh(S* z, Index outputs, Index count, S weight) {
  constexpr Index lanes = kLanes<S>;
  for (Index c = 0; c < outputs; ++c)
    for (Index l = 0; l < lanes; ++l) {
      S& derivative = z[c * lanes + l];
      derivative = l < count ? derivative * weight : S(0);
    }
}

/// Multiply the columns of `z`, and `losses` unless null, by the weights of the samples.
template <class S>
void apply_weights(const Targets<S>& targets, Index first, Index count, Index outputs, S* z,
                   S* losses) {
  constexpr Index lanes = kLanes<S>;
  for (Index l = 0; l < count; ++l) {
    const S w = targets.vectors[(first + l) * (outputs + 1) + outputs];
    for (Index c = 0; c < outputs; ++c) z[c * lanes + l] *= w;
    if (losses != nullptr) losses[l] *= w;
  }
}

}  // namespace

template <class S>
void block_loss(Loss loss, const Targets<S>& targets, Index first_sample, Index count,
                Index outputs, S weight, S* z, S* losses, S* scratch) {
  constexpr Index lanes = kLanes<S>;
  gather(targets, first_sample, count, outputs, scratch);
  if (loss == Loss::cross_entropy)
    cross_entropy(scratch, outputs, z, losses);
  else
    squared_error(scratch, outputs, z, losses);
  if (targets.weighted) apply_weights(targets, first_sample, count, outputs, z, losses);
  weigh(z, outputs, count, weight);
  for (Index l = count; l < lanes; ++l) losses[l] = 0;
}

template <class S>
void block_loss_curvature(Loss loss, const Targets<S>& targets, Index first_sample, Index count,
                          Index outputs, S weight, const S* z, S* z_dot, S* scratch) {
  if (loss == Loss::cross_entropy) {
    gather(targets, first_sample, count, outputs, scratch);
    cross_entropy_curvature(scratch, outputs, z, z_dot);
  }
  if (targets.weighted) apply_weights<S>(targets, first_sample, count, outputs, z_dot, nullptr);
  weigh(z_dot, outputs, count, weight);
}

template void block_loss<float>(Loss, const Targets<float>&, Index, Index, Index, float, float*,
                                float*, float*);
template void block_loss<double>(Loss, const Targets<double>&, Index, Index, Index, double, double*,
                                 double*, double*);
template void block_loss_curvature<float>(Loss, const Targets<float>&, Index, Index, Index, float,
                                          const float*, float*, float*);
template void block_loss_curvature<double>(Loss, const Targets<double>&, Index, Index, Index,
                                           double, const double*, double*, double*);

}  // namespace mgres
