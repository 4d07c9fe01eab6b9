/// What the blocks share: activations of whole chunks, and updates.
#pragma once

#include "mgres/block.hpp"
#include "mgres/linear_map.hpp"

namespace mgres {

/// z <- h sigma(z) for `vectors` vectors, which keeps the slopes unless they are null.
template <class S>
void activate_all(Activation activation, S h, Index vectors, S* z, S* slopes);

/// The same with z.dot <- h sigma'(z) z.dot and, unless it is null, bend <- h sigma''(z) z.dot.
template <class S>
void activate_all(Activation activation, S h, Index vectors, Dual<S> z, S* slopes, S* bend);

/// s = h sigma'(z) t.  s may be t.
template <class S>
void weigh(Activation activation, S h, Index vectors, const S* slopes, const S* t, S* s);

/// The same with s.dot = h sigma'(z) t.dot + bend t.
template <class S>
void weigh(Activation activation, S h, Index vectors, const S* slopes, const S* bend,
           Dual<const S> t, Dual<S> s);

/// All updates with G, of `size` numbers; the derivatives too unless G.dot is null.
template <class S>
void apply(Updates<S> updates, Index size, Dual<const S> G);

// ---- the files of this folder ----------------------------------------------------------------------

template <class S>
BlockPtr<S> make_dense(Activation activation, Index width, double h);

/// The same with any map of states.
template <class S>
BlockPtr<S> make_one_layer(Activation activation, MapPtr<S> map, double h);

/// The same with the entries of a pattern.
template <class S>
BlockPtr<S> make_sparse_layer(Activation activation, std::shared_ptr<const Pattern> pattern,
                              double h);

/// Without a second map its place is taken by the transpose of the first.
template <class S>
BlockPtr<S> make_two_layer(Activation activation, MapPtr<S> first, MapPtr<S> second, double h);

/// The block of other parameters: a linear map of its matrix W (n, n), which comes first.
enum class Map { antisymmetric, transposed };
template <class S>
BlockPtr<S> make_mapped(Map map, double damping, BlockPtr<S> inner);

/// States have `channels` features for each of `pixels` pixels; the norm is that of a pixel.
template <class S>
BlockPtr<S> make_normed(Norm norm, Index channels, Index pixels, BlockPtr<S> inner);

template <class S>
BlockPtr<S> make_paced(BlockPtr<S> inner);

}  // namespace mgres
