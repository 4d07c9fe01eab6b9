#include "mgres/pattern.hpp"

#include <algorithm>
#include <utility>

#include "mgres/check.hpp"

namespace mgres {

namespace {

/// Diagonals of a band that a matrix of so many rows has.
Index within(Index diagonals, Index width) { return std::min(diagonals, width - 1); }

/// The same entries by columns, each of which ascends in its rows.
Lines transposed(const Lines& rows) {
  Lines columns;
  const auto u = [](Index i) { return static_cast<std::size_t>(i); };
  columns.starts.assign(rows.starts.size(), 0);
  for (const std::int32_t j : rows.across) ++columns.starts[u(j) + 1];
  for (Index j = 0; j < rows.count(); ++j) columns.starts[u(j) + 1] += columns.starts[u(j)];
  columns.across.resize(rows.across.size());
  columns.weights.resize(rows.across.size());
  std::vector<Index> next = columns.starts;
  for (Index i = 0; i < rows.count(); ++i)
    for (Index k = rows.starts[u(i)]; k < rows.starts[u(i + 1)]; ++k) {
      const Index to = next[u(rows.across[u(k)])]++;
      columns.across[u(to)] = static_cast<std::int32_t>(i);
      columns.weights[u(to)] = static_cast<std::int32_t>(k);
    }
  return columns;
}

}  // namespace

Pattern::Pattern(Index width, std::vector<Index> starts, const std::vector<Index>& columns) {
  const auto entries = static_cast<Index>(columns.size());
  check(width >= 1 && width <= kMostEntries, "pattern: expected from 1 to ", kMostEntries,
        " rows, got ", width);
  check(static_cast<Index>(starts.size()) == width + 1, "pattern: expected ", width + 1,
        " starts of rows and their end, got ", starts.size());
  check(entries >= 1 && entries <= kMostEntries, "pattern: expected from 1 to ", kMostEntries,
        " entries, got ", entries);
  check(starts.front() == 0 && starts.back() == entries, "pattern: expected rows from 0 to ",
        entries, ", got ", starts.front(), " to ", starts.back());
  Index row = 0;
  for (std::size_t i = 0; i + 1 < starts.size(); ++i, ++row) {
    check(starts[i] <= starts[i + 1] && starts[i + 1] <= entries, "pattern: row ", row,
          ": expected an end from ", starts[i], " to ", entries, ", got ", starts[i + 1]);
    Index last = -1;
    for (Index k = starts[i]; k < starts[i + 1]; ++k) {
      const Index j = columns[static_cast<std::size_t>(k)];
      check(j >= 0 && j < width, "pattern: row ", row, ": expected columns from 0 to ", width - 1,
            ", got ", j);
      check(j > last, "pattern: row ", row, ": expected ascending columns, got ", j, " after ",
            last);
      last = j;
    }
  }
  rows_.starts = std::move(starts);
  rows_.across.assign(columns.begin(), columns.end());
  columns_ = transposed(rows_);
}

Index Sparsity::entries(Index width) const {
  if (pattern != nullptr) return pattern->entries();
  const Index below = within(lower, width), above = within(upper, width);
  return width * (below + above + 1) - (below * (below + 1) + above * (above + 1)) / 2;
}

std::shared_ptr<const Pattern> Sparsity::of(Index width) const {
  if (pattern != nullptr) return pattern;
  const Index below = within(lower, width), above = within(upper, width);
  std::vector<Index> starts{0}, columns;
  columns.reserve(static_cast<std::size_t>(entries(width)));
  for (Index i = 0; i < width; ++i) {
    for (Index j = std::max<Index>(i - below, 0); j <= std::min(i + above, width - 1); ++j)
      columns.push_back(j);
    starts.push_back(static_cast<Index>(columns.size()));
  }
  return std::make_shared<const Pattern>(width, std::move(starts), columns);
}

}  // namespace mgres
