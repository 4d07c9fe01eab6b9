/// Which block a network has, and what is in the parameters of one layer.
#pragma once

#include <array>

#include "mgres/activation.hpp"
#include "mgres/filters.hpp"
#include "mgres/pattern.hpp"
#include "mgres/scheme.hpp"
#include "mgres/types.hpp"

namespace mgres {

/// The right-hand side F(y; p) of y' = F, with v features:
///
///   dense           sigma(W y + b)
///   antisymmetric   sigma(((W - W^T) / 2 - damping I) y + b)
///   two_layer       W2 sigma(W1 y + b1) + b2
///   gradient        sign K^T sigma(K y + b): the gradient of a potential of y
///
/// and, for states y = (p, q) of two halves and the scheme verlet only,
///
///   hamiltonian     p' = sigma(W q + b),    q' = -sigma(W^T p + b)
///   potential       p' = L^T sigma(L q + c), q' = -K^T sigma(K p + b)
///
/// (Haber and Ruthotto 2017).  With filters W, W1, W2 and K are convolutions of images; of a dense
/// block, W may have the entries of a pattern only.
enum class BlockKind { dense, antisymmetric, two_layer, gradient, hamiltonian, potential };

/// What is done to y before a block sees it (none, LayerNorm, RMSNorm): for a sample
///
///   layer   g (y - mean(y)) / sqrt(mean((y - mean(y))^2) + 1e-5)
///   rms     g y / sqrt(mean(y^2) + 1e-5)
///
/// with means over its features and a trainable factor g for each of them; of images, over the
/// channels of a pixel and with a factor for each channel.
enum class Norm { none, layer, rms };

struct BlockSpec {
  BlockKind kind = BlockKind::dense;
  Activation activation = Activation::relu;
  Index hidden = 0;  // rows of W1, K and L, or their channels
  Norm norm = Norm::none;
  bool paced = false;  // F times e^tau with a trainable tau: the layer's own step
  double damping = 0;
  double sign = -1;
  Filters filters{};
  Sparsity sparsity{};
};

/// An array among the parameters of a layer: its sizes, of which those not needed are 0.
struct Field {
  const char* name;
  std::array<Index, 4> shape;

  Index size() const {
    Index product = 1;
    for (const Index n : shape) product *= n > 0 ? n : 1;
    return product;
  }
};

/// The parameters of a layer of width v, one array after the other.
struct Fields {
  std::array<Field, 6> field{};
  int count = 0;

  void add(const char* name, std::array<Index, 4> shape) {
    field[static_cast<std::size_t>(count++)] = {name, shape};
  }
  const Field* begin() const { return field.data(); }
  const Field* end() const { return field.data() + count; }
  Index size() const {
    Index sum = 0;
    for (const Field& f : *this) sum += f.size();
    return sum;
  }
};

/// Whether states consist of two halves that move each other.
bool is_partitioned(BlockKind kind);

/// Features that the matrices of a block see: of a half, or the channels of an image.
Index units(const BlockSpec& block, Index width);

/// The layout of a layer.
Fields fields(const BlockSpec& block, Index width);

/// Throw std::invalid_argument that names the first argument that does not fit.
void check_block(const BlockSpec& block, Index width);

/// The same for a block and a scheme that do not fit each other.
void check_scheme(const BlockSpec& block, Scheme scheme);

}  // namespace mgres
