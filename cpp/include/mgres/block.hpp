/// The contract of a block: G(y; p) = h F(y; p) with its derivatives, on a chunk of samples.
///
/// Samples are taken in chunks, a chunk in blocks of kLanes samples; see kernel.hpp for how they lie
/// in memory.  Scratch and records begin where a vector may.  A new block is one file in src/block:
/// a class with these four functions, a line in make_block and one in block_spec.cpp.
#pragma once

#include <memory>

#include "mgres/block_spec.hpp"
#include "mgres/simd.hpp"

namespace mgres {

/// to = from + weight G, and the same for the derivatives along a direction where there is one.
/// `from` may be `to`, and null for zero.
template <class S>
struct Update {
  const S* from;
  S* to;
  S weight = 1;
  const S* from_dot = nullptr;
  S* to_dot = nullptr;
};

/// At most one for each stage of a scheme.
template <class S>
struct Updates {
  const Update<S>* first;
  int count;

  const Update<S>* begin() const { return first; }
  const Update<S>* end() const { return first + count; }
};

/// Whether it is one step of weight 1 from a state, which needs no G of its own.
template <class S>
bool is_plain_step(Updates<S> updates) {
  return updates.count == 1 && updates.first->weight == 1 && updates.first->from != nullptr;
}

/// A vector and its derivative along a direction; a null `dot` stands for zero.
template <class S>
struct Dual {
  S* value;
  S* dot;

  operator Dual<const S>() const { return {value, dot}; }
};

template <class S>
class Block {
 public:
  virtual ~Block() = default;

  /// Numbers in the parameters of a layer, and features of a state.
  Index parameters() const { return parameters_; }
  Index width() const { return width_; }

  /// Multiplications for one sample, roughly.
  virtual double cost() const = 0;

  /// Numbers that are kept for `adjoint`, that are kept beside them for `adjoint_tangent`, and scratch
  /// of any of the four functions; all are whole vectors.
  virtual Index record_size(Index blocks) const = 0;
  virtual Index bend_size(Index blocks) const = 0;
  virtual Index scratch_size(Index blocks) const = 0;

  /// All `updates` with G(x; p).  Unless it is null, `record` receives what `adjoint` needs.
  virtual void forward(const S* p, Index blocks, const S* x, Updates<S> updates, S* record,
                       S* scratch) const = 0;

  /// a += (dG/dx)^T r, and gradient += (dG/dp)^T r unless it is null.  r may be a.
  virtual void adjoint(const S* p, Index blocks, const S* x, const S* record, const S* r, S* a,
                       S* gradient, S* scratch) const = 0;

  /// All `updates` with G and its derivative along (p.dot, x.dot).  `record` is that of `forward`;
  /// unless it is null, `bend` receives what `adjoint_tangent` needs beside it.
  virtual void tangent(Dual<const S> p, Index blocks, Dual<const S> x, Updates<S> updates,
                       S* record, S* bend, S* scratch) const = 0;

  /// a += (dG/dx)^T r with its derivative along the direction, where r.dot is that of r; adds the
  /// derivative of (dG/dp)^T r along the direction to `gradient_dot` unless it is null.  r may be a.
  virtual void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> x, const S* record,
                               const S* bend, Dual<const S> r, Dual<S> a, S* gradient_dot,
                               S* scratch) const = 0;

 protected:
  Block(Index parameters, Index width) : parameters_(parameters), width_(width) {}

  /// Numbers in `rows` features of a chunk.
  static Index numbers(Index rows, Index blocks) { return rows * blocks * kLanes<S>; }

 private:
  Index parameters_, width_;
};

template <class S>
using BlockPtr = std::unique_ptr<const Block<S>>;

/// The block for states of `width` features, times the step h.
template <class S>
BlockPtr<S> make_block(const BlockSpec& spec, Index width, double h);

/// The dense block with W^T in the place of W.
template <class S>
BlockPtr<S> make_transposed(const BlockSpec& spec, Index width, double h);

}  // namespace mgres
