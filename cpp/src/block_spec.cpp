#include "mgres/block_spec.hpp"

#include <cmath>

#include "mgres/check.hpp"

namespace mgres {

namespace {

/// What a kind of block has: one row, and everything else asks it.
struct Traits {
  bool hidden, norm_and_pace, damping, halves;
};

Traits traits(BlockKind kind) {
  switch (kind) {
    case BlockKind::antisymmetric:
      return {false, true, true, false};
    case BlockKind::two_layer:
    case BlockKind::gradient:
      return {true, true, false, false};
    case BlockKind::hamiltonian:
      return {false, false, false, true};
    case BlockKind::potential:
      return {true, false, false, true};
    default:
      return {false, true, false, false};
  }
}

}  // namespace

Fields fields(const BlockSpec& block, Index width) {
  Fields found;
  const Index w = is_partitioned(block.kind) ? width / 2 : width;
  const Index h = block.hidden;
  switch (block.kind) {
    case BlockKind::two_layer:
      found.add("W1", h, w);
      found.add("b1", h);
      found.add("W2", w, h);
      found.add("b2", w);
      break;
    case BlockKind::gradient:
      found.add("K", h, w);
      found.add("b", h);
      break;
    case BlockKind::potential:
      found.add("K", h, w);
      found.add("b", h);
      found.add("L", h, w);
      found.add("c", h);
      break;
    default:
      found.add("W", w, w);
      found.add("b", w);
  }
  if (block.norm != Norm::none) found.add("scale", width);
  if (block.paced) found.add("pace", 1);
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
  check(block.sign == 1 || block.sign == -1, "sign: expected 1 or -1, got ", block.sign);
}

void check_scheme(const BlockSpec& block, Scheme scheme) {
  check(is_partitioned(block.kind) == (scheme == Scheme::verlet),
        "scheme: verlet and Hamiltonian blocks need each other");
}

}  // namespace mgres
