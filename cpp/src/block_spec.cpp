#include "mgres/block_spec.hpp"

#include <cmath>

#include "mgres/check.hpp"

namespace mgres {

namespace {

/// What a kind of block has: one row, and everything else asks it.
struct Traits {
  bool hidden, norm_and_pace, damping, halves, filters, sparsity;
};

Traits traits(BlockKind kind) {
  switch (kind) {
    case BlockKind::antisymmetric:
      return {false, true, true, false, false, false};
    case BlockKind::two_layer:
    case BlockKind::gradient:
      return {true, true, false, false, true, false};
    case BlockKind::hamiltonian:
      return {false, false, false, true, false, false};
    case BlockKind::potential:
      return {true, false, false, true, false, false};
    default:
      return {false, true, false, false, true, true};
  }
}

}  // namespace

bool is_partitioned(BlockKind kind) { return traits(kind).halves; }

Index units(const BlockSpec& block, Index width) {
  if (block.filters.any()) return block.filters.channels;
  return is_partitioned(block.kind) ? width / 2 : width;
}

Fields fields(const BlockSpec& block, Index width) {
  Fields found;
  const Index w = units(block, width);
  const Index h = block.hidden;
  const auto add = [&](const char* matrix, const char* bias, Index outputs, Index inputs) {
    if (block.filters.any()) {
      const Filters& f = block.filters;
      found.add(matrix, {outputs, inputs / f.groups, f.kernel_rows, f.kernel_columns});
    } else if (block.sparsity.any()) {
      found.add(matrix, {block.sparsity.entries(width)});
    } else {
      found.add(matrix, {outputs, inputs});
    }
    found.add(bias, {outputs});
  };
  switch (block.kind) {
    case BlockKind::two_layer:
      add("W1", "b1", h, w);
      add("W2", "b2", w, h);
      break;
    case BlockKind::gradient:
      add("K", "b", h, w);
      break;
    case BlockKind::potential:
      add("K", "b", h, w);
      add("L", "c", h, w);
      break;
    default:
      add("W", "b", w, w);
  }
  if (block.norm != Norm::none) found.add("scale", {block.filters.any() ? w : width});
  if (block.paced) found.add("pace", {1});
  return found;
}

void check_block(const BlockSpec& block, Index width) {
  const Traits has = traits(block.kind);
  check(width >= 1, "width: expected at least 1, got ", width);
  check(!has.halves || width % 2 == 0, "width: expected an even number for halves of a state, got ",
        width);
  check(has.hidden ? block.hidden >= 1 : block.hidden == 0, "hidden: expected ",
        has.hidden ? "at least 1" : "0 for a block without hidden features", ", got ",
        block.hidden);
  check(has.norm_and_pace || block.norm == Norm::none,
        "norm: not possible with Hamiltonian blocks");
  check(has.norm_and_pace || !block.paced, "paced: not possible with Hamiltonian blocks");
  check(block.damping >= 0 && std::isfinite(block.damping), "damping: expected a number >= 0, got ",
        block.damping);
  check(has.damping || block.damping == 0, "damping: needs antisymmetric weights, got ",
        block.damping);
  if (block.filters.any()) {
    const Filters& f = block.filters;
    check(has.filters, "filters: not possible with antisymmetric and Hamiltonian blocks");
    const Index hidden = has.hidden ? block.hidden : f.channels;
    check_convolution(f.shape(hidden, f.channels));
    if (block.kind == BlockKind::two_layer) check_convolution(f.shape(f.channels, hidden));
    check(width == f.channels * f.pixels(), "width: expected ", f.channels * f.pixels(), " for ",
          f.channels, " channels of ", f.height, " x ", f.width, " pixels, got ", width);
  }
  if (block.sparsity.any()) {
    check(has.sparsity && !block.filters.any(), "pattern: only possible with dense blocks");
    const Pattern* pattern = block.sparsity.pattern.get();
    check(pattern == nullptr || pattern->width() == width, "width: expected that of the pattern, ",
          pattern != nullptr ? pattern->width() : 0, ", got ", width);
    check(block.sparsity.entries(width) <= Pattern::kMostEntries, "pattern: expected at most ",
          Pattern::kMostEntries, " entries, got ", block.sparsity.entries(width));
  }
  check(block.sign == 1 || block.sign == -1, "sign: expected 1 or -1, got ", block.sign);
}

void check_scheme(const BlockSpec& block, Scheme scheme) {
  check(is_partitioned(block.kind) == (scheme == Scheme::verlet),
        "scheme: verlet and Hamiltonian blocks need each other");
}

}  // namespace mgres
