/// Products of sparse matrices with chunks in blocks (see kernel.hpp).  The samples of a block lie next
/// to each other, so that an entry is a factor of whole vectors, and nothing is gathered.
#pragma once

#include "mgres/pattern.hpp"
#include "mgres/products.hpp"

namespace mgres {

/// out = start + W x for the sum of two such products, line by line: by the rows of a pattern that is
/// W x, by its columns W^T x.  Those with null weights count as zero.  `out` may be `start.from`, but no
/// x.
template <class S>
void multiply(const Lines& lines, Index blocks, Start<S> start, Applied<S> first, Applied<S> second,
              S* out);

/// weights += the derivative of <s, W x> by the entries of W, given by rows, summed over the samples.
template <class S>
void add_outer(const Lines& rows, Index blocks, const S* s, const S* x, S* weights);

}  // namespace mgres
