#include "mgres/network_spec.hpp"

#include <cmath>
#include <string>

#include "mgres/check.hpp"
#include "mgres/linear_map.hpp"

namespace mgres {

namespace {

std::string text(const StateShape& s) {
  if (s.pixels() == 1) return std::to_string(s.channels) + " features";
  return std::to_string(s.channels) + " channels of " + std::to_string(s.rows) + " x " +
         std::to_string(s.columns) + " pixels";
}

void check_follows(const char* name, Index given, Index expected) {
  check(given == expected, name, ": expected ", expected, " features, got ", given);
}

}  // namespace

NetworkSpec::NetworkSpec(const ResNet& net)
    : opening{MapKind::matrix, {net.inputs}, {net.width}, 1, 1, false, false},
      stacks{net},
      closing{MapKind::matrix, {net.width}, {net.outputs}} {}

Fields fields(const MapSpec& map) {
  Fields found;
  switch (map.kind) {
    case MapKind::matrix:
      found.add("W", {map.out.size(), map.in.size()});
      if (map.biased) found.add("b", {map.out.size()});
      break;
    case MapKind::pooled:
      found.add("W", {map.out.size(), map.in.channels});
      if (map.biased) found.add("b", {map.out.size()});
      break;
    case MapKind::convolution:
      found.add("W", {map.out.channels, map.in.channels, map.kernel_rows, map.kernel_columns});
      if (map.biased) found.add("b", {map.out.channels});
      break;
    case MapKind::resample:
      break;
  }
  return found;
}

void check_map(const MapSpec& map) {
  const StateShape &in = map.in, &out = map.out;
  for (const StateShape& s : {in, out})
    check(s.channels >= 1 && s.rows >= 1 && s.columns >= 1, "shape: expected positive sizes, got ",
          text(s));
  const Index rows = ceil_div(in.rows, out.rows), columns = ceil_div(in.columns, out.columns);
  if (map.kind == MapKind::convolution) {
    check_convolution({in.channels, out.channels, in.rows, in.columns, map.kernel_rows,
                       map.kernel_columns, 1, map.periodic});
    check(ceil_div(in.rows, rows) == out.rows && ceil_div(in.columns, columns) == out.columns,
          "shape: expected a whole stride between ", text(in), " and ", text(out));
  }
  if (map.kind == MapKind::resample) {
    check(in.rows % out.rows == 0 && in.columns % out.columns == 0,
          "shape: expected images of which the smaller divide the larger ones, got ", text(in),
          " and ", text(out));
    check(in.channels <= out.channels, "shape: expected at least as many channels as before, got ",
          text(in), " and ", text(out));
  }
  if (map.kind == MapKind::pooled)
    check(out.pixels() == 1, "shape: expected features behind a pooled image, got ", text(out));
}

void check_stack(const StackSpec& stack) {
  check(stack.depth >= 1, "depth: expected at least 1, got ", stack.depth);
  check(stack.final_time > 0 && std::isfinite(stack.final_time),
        "final_time: expected a positive number, got ", stack.final_time);
  check(stack.substeps >= 1 && std::isfinite(stack.substeps),
        "substeps: expected a number >= 1, got ", stack.substeps);
  check_block(stack.block, stack.width);
  check_scheme(stack.block, stack.scheme);
}

void check_network(const NetworkSpec& net) {
  const auto stacks = static_cast<Index>(net.stacks.size());
  check(stacks >= 1 && stacks <= kMostStacks, "stacks: expected 1 to ", kMostStacks, ", got ",
        stacks);
  check(net.connections.size() + 1 == net.stacks.size(), "connections: expected ", stacks - 1,
        ", got ", net.connections.size());
  check_map(net.opening);
  check_map(net.closing);
  check_follows("opening", net.opening.out.size(), net.stacks.front().width);
  for (std::size_t i = 0; i < net.stacks.size(); ++i) {
    check_stack(net.stacks[i]);
    if (i == 0) continue;
    check_map(net.connections[i - 1]);
    check_follows("connection", net.connections[i - 1].in.size(), net.stacks[i - 1].width);
    check_follows("connection", net.connections[i - 1].out.size(), net.stacks[i].width);
  }
  check_follows("closing", net.closing.in.size(), net.stacks.back().width);
}

}  // namespace mgres
