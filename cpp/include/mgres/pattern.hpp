/// Which entries the sparse matrices of a network have: the same in every layer.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "mgres/types.hpp"

namespace mgres {

/// Entries of a matrix along its lines, which are its rows or its columns: those of line i are numbers
/// starts[i] to starts[i + 1] - 1.  Entry k lies where line i meets across[k], and its weight is number
/// weights[k]; weights of rows are in order, and `weights` is empty.
struct Lines {
  std::vector<Index> starts;
  std::vector<std::int32_t> across;
  std::vector<std::int32_t> weights;

  Index count() const { return static_cast<Index>(starts.size()) - 1; }
  bool in_order() const { return weights.empty(); }
};

/// The entries of a square matrix, rows one after the other, and the same by columns.
class Pattern {
 public:
  static constexpr Index kMostEntries = std::numeric_limits<std::int32_t>::max();

  /// In row i `columns`[starts[i]] to `columns`[starts[i + 1] - 1], which ascend.  Throws
  /// std::invalid_argument where there is no such matrix.
  Pattern(Index width, std::vector<Index> starts, const std::vector<Index>& columns);

  Index width() const { return rows_.count(); }
  Index entries() const { return static_cast<Index>(rows_.across.size()); }
  const Lines& rows() const { return rows_; }
  const Lines& columns() const { return columns_; }

 private:
  Lines rows_, columns_;
};

/// A pattern, or a band of any width; without either, matrices are full.
struct Sparsity {
  std::shared_ptr<const Pattern> pattern{};
  Index lower = -1;  // diagonals of a band below the main one, and above it
  Index upper = -1;

  bool any() const { return pattern != nullptr || lower >= 0; }

  /// Entries for `width` features, whatever its size; and the pattern itself.
  Index entries(Index width) const;
  std::shared_ptr<const Pattern> of(Index width) const;
};

}  // namespace mgres
