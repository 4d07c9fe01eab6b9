/// The linear maps W of blocks on chunks of samples: what `x -> W x` is, whatever W consists of.
///
/// A new map is one file in src/map: a class with these four functions, and a line in make_map.
#pragma once

#include <memory>

#include "mgres/block_spec.hpp"
#include "mgres/convolution.hpp"
#include "mgres/network_spec.hpp"
#include "mgres/products.hpp"

namespace mgres {

template <class S>
class LinearMap {
 public:
  virtual ~LinearMap() = default;

  /// Features on both sides, and how many weights there are.
  Index inputs() const { return inputs_; }
  Index outputs() const { return outputs_; }
  Index weights() const { return weights_; }

  /// Numbers in a bias, each for `outputs / biases` features.
  Index biases() const { return biases_; }

  /// Multiplications for one sample.
  virtual double cost() const = 0;

  /// Numbers of scratch of any of the four functions.
  virtual Index scratch_size(Index blocks) const = 0;

  /// out = start + W x for the sum of two such products; those with null weights count as zero.
  /// `out` may be `start.from`, but no x.
  virtual void apply(Index blocks, Start<S> start, Applied<S> first, Applied<S> second, S* out,
                     S* scratch) const = 0;

  /// out = start + W^T x, in the same way; a bias has one number for each of `inputs`.
  virtual void apply_transposed(Index blocks, Start<S> start, Applied<S> first, Applied<S> second,
                                S* out, S* scratch) const = 0;

  /// weights += the derivative of <s, W x> by W, summed over the samples.
  virtual void add_outer(Index blocks, const S* s, const S* x, S* weights, S* scratch) const = 0;

  /// bias += factor * the derivative of <s, bias> by the bias, summed over the samples.
  virtual void add_sums(Index blocks, const S* s, S* bias, S* scratch, S factor = 1) const = 0;

 protected:
  LinearMap(Index inputs, Index outputs, Index weights, Index biases)
      : inputs_(inputs), outputs_(outputs), weights_(weights), biases_(biases) {}

 private:
  Index inputs_, outputs_, weights_, biases_;
};

template <class S>
using MapPtr = std::unique_ptr<const LinearMap<S>>;

/// A matrix (rows, columns).
template <class S>
MapPtr<S> make_matrix(Index rows, Index columns);

/// A convolution.
template <class S>
MapPtr<S> make_convolution(const ConvolutionShape& shape);

/// Smaller images and more channels, without weights: pixels are the mean, or the first, of those
/// that they stand for, and channels that were not there are zero.
enum class Sampling { mean, first };
template <class S>
MapPtr<S> make_resample(const StateShape& in, const StateShape& out, Sampling sampling);

/// x -> outer (inner x), where at most one of the two has weights.
template <class S>
MapPtr<S> make_chain(MapPtr<S> inner, MapPtr<S> outer);

/// A square matrix with the entries of a pattern, a number for each of them.
template <class S>
MapPtr<S> make_sparse(std::shared_ptr<const Pattern> pattern);

/// The map of a block between states of `width` features, or of as many channels as its filters
/// have: from `inputs` of them to `outputs`.
template <class S>
MapPtr<S> make_map(const BlockSpec& block, Index outputs, Index inputs);

/// The map between stacks.
template <class S>
MapPtr<S> make_map(const MapSpec& spec);

}  // namespace mgres
