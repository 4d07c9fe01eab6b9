#include <initializer_list>

#include <doctest/doctest.h>

#include "mgres/layout.hpp"

using namespace mgres;

TEST_CASE("offsets of a small network, counted by hand") {
  ResNet net;
  net.inputs = 2;
  net.width = 3;
  net.outputs = 4;
  net.depth = 5;
  net.final_time = 2;
  const Layout at(net);
  CHECK(at.opening == 6);    // Q 3 x 2
  CHECK(at.layer[0] == 12);  // W 3 x 3, b 3
  CHECK(at.layers[0] == 6);
  CHECK(at.closing == 66);  // 6 + 5 * 12
  CHECK(at.size == 82);     // + W_out 4 x 3, b_out 4
  CHECK(net.step() == doctest::Approx(0.4));
}

TEST_CASE("the matrices of Hamiltonian blocks are half as wide") {
  ResNet net;
  net.inputs = 2;
  net.width = 6;
  net.outputs = 4;
  net.depth = 5;
  net.block.kind = BlockKind::hamiltonian;
  net.scheme = Scheme::verlet;
  const Layout at(net);
  CHECK(at.layer[0] == 12);   // W 3 x 3, b 3
  CHECK(at.layers[0] == 12);  // Q 6 x 2
  CHECK(at.closing == 72);    // 12 + 5 * 12
  CHECK(at.size == 100);      // + W_out 4 x 6, b_out 4
}

TEST_CASE("the parts follow each other without a gap") {
  for (const Index inputs : {1, 2, 784})
    for (const Index width : {1, 3, 40})
      for (const Index outputs : {1, 10})
        for (const Index depth : {1, 2, 2048}) {
          ResNet net;
          net.inputs = inputs;
          net.width = width;
          net.outputs = outputs;
          net.depth = depth;
          const Layout at(net);
          CHECK(at.layers[0] == at.opening);
          CHECK(at.closing - at.layers[0] == depth * width * (width + 1));
          CHECK(at.size - at.closing == outputs * (width + 1));
        }
}

TEST_CASE("sizes are rounded up as their names say") {
  CHECK(ceil_div(0, 4) == 0);
  CHECK(ceil_div(1, 4) == 1);
  CHECK(ceil_div(4, 4) == 1);
  CHECK(ceil_div(5, 4) == 2);
  CHECK(round_up(0, 8) == 0);
  CHECK(round_up(1, 8) == 8);
  CHECK(round_up(8, 8) == 8);
  CHECK(round_up(9, 8) == 16);
}
