// The second evaluation of a shape allocates nothing: not by new, not by malloc, not inside Eigen
// or OpenMP.
//
// All of them end in malloc and its relatives, so these are replaced (glibc) or observed (sanitizers).
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include <Eigen/Core>
#include <doctest/doctest.h>

#include "mgres/resnet.hpp"
#include "reference.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define MGRES_SANITIZER_HOOKS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MGRES_SANITIZER_HOOKS
#endif
#endif

namespace {

std::atomic<bool> counting{false};
std::atomic<long> allocations{0};

void count_allocation() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1);
}

}  // namespace

#if defined(MGRES_SANITIZER_HOOKS)

// as in <sanitizer/allocator_interface.h>, which GCC does not install everywhere
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*,
                                                                             std::size_t),
                                                         void (*free_hook)(const volatile void*));

namespace {
void on_malloc(const volatile void*, std::size_t) { count_allocation(); }
void on_free(const volatile void*) {}
const bool can_count = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0;
}  // namespace

#elif defined(__GLIBC__)

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  count_allocation();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  count_allocation();
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  count_allocation();
  return __libc_realloc(old, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  count_allocation();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  *result = memalign(alignment, size);
  return *result == nullptr ? ENOMEM : 0;
}
}

namespace {
const bool can_count = true;
}  // namespace

#else

namespace {
const bool can_count = false;
}  // namespace

#endif

using namespace mgres;
using reference::Random;

namespace {

template <class F>
long count(const F& f) {
  allocations = 0;
  counting = true;
  f();
  counting = false;
  return allocations;
}

bool skipped() {
  if (!can_count) MESSAGE("SKIPPED: allocations cannot be counted with this C library");
  return !can_count;
}

struct Shape {
  Index inputs, width, outputs, depth, samples;
  Activation activation;
  Scheme scheme = Scheme::euler;
  bool antisymmetric = false;
  Index tape_bytes = 0;  // 0: the usual
  Index band = -1;       // diagonals on both sides of a sparse matrix
};

const Shape kShapes[] = {
    {2, 3, 2, 64, 500, Activation::relu},           // the paper's circles, less deep
    {784, 10, 10, 16, 300, Activation::relu},       // MNIST
    {784, 10, 10, 2, 1, Activation::tanh},          // one sample
    {1, 1, 1, 1, 1, Activation::identity},          // one of everything
    {3072, 32, 10, 3, 150, Activation::tanh},       // many panels of X
    {64, 64, 10, 4, 150, Activation::smooth_relu},  // tiled width, stores all states
    {5, 20, 3, 100, 130, Activation::tanh, Scheme::euler, false, 1 << 17},  // checkpoints, tiled
    {2, 3, 2, 300, 2300, Activation::relu, Scheme::euler, false, 1 << 17},  // and all partials
    {600, 100, 50, 2, 130, Activation::relu},  // products too large for Eigen's stack
    {5, 20, 3, 100, 130, Activation::tanh, Scheme::rk4},
    {5, 20, 3, 100, 130, Activation::tanh, Scheme::verlet},
    {5, 20, 3, 100, 130, Activation::tanh, Scheme::matched, true},
    {5, 20, 3, 100, 130, Activation::tanh, Scheme::euler, false, 0, 2},
};

template <class S>
void check_shape(const Shape& shape, int threads) {
  CAPTURE(shape.inputs);
  CAPTURE(shape.width);
  CAPTURE(shape.depth);
  CAPTURE(shape.samples);
  CAPTURE(threads);
  set_num_threads(threads);
  ResNet net;
  net.inputs = shape.inputs;
  net.width = shape.width;
  net.outputs = shape.outputs;
  net.depth = shape.depth;
  net.block.activation = shape.activation;
  net = reference::with_scheme(net, shape.scheme);
  net.block.sparsity.lower = net.block.sparsity.upper = shape.band;
  if (shape.antisymmetric) net.block.kind = BlockKind::antisymmetric;
  const Network<S> network(net);
  Random random(1);
  const std::vector<S> theta = random.vector<S>(Layout(net).size, -0.1, 0.1);
  const std::vector<S> X = random.vector<S>(shape.samples * shape.inputs);
  const std::vector<S> vectors = random.vector<S>(shape.samples * shape.outputs);
  const std::vector<std::int64_t> labels(static_cast<std::size_t>(shape.samples), 0);
  std::vector<S> gradient(theta.size()), out(vectors.size());
  const Batch<S> batch{X.data(), shape.samples};
  Targets<S> by_label, by_vector;
  by_label.labels = labels.data();
  by_vector.vectors = vectors.data();
  Workspace<S> workspace;
  if (shape.tape_bytes > 0) {
    workspace.limits = {shape.tape_bytes, shape.tape_bytes, shape.tape_bytes};
    CHECK(tape_shape<S>(network, shape.samples, workspace.limits, threads).checkpoints > 0);
  }
  Interrupt never;

  const auto evaluate_logits = [&] {
    logits(network, theta.data(), batch, out.data(), workspace, never);
  };
  const auto evaluate_value = [&] {
    value(network, Loss::cross_entropy, theta.data(), batch, by_label, workspace, never);
    value(network, Loss::squared_error, theta.data(), batch, by_vector, workspace, never);
  };
  const auto evaluate_gradient = [&] {
    value_and_grad(network, Loss::cross_entropy, Trainable{}, theta.data(), batch, by_label,
                   gradient.data(), workspace, never);
    value_and_grad(network, Loss::squared_error, Trainable{}, theta.data(), batch, by_vector,
                   gradient.data(), workspace, never);
  };
  std::vector<S> dX(X.size());
  const auto evaluate_vjp = [&] {
    vjp(network, Trainable{}, theta.data(), batch, vectors.data(), gradient.data(), dX.data(),
        workspace, never);
  };
  evaluate_logits();
  CHECK(count(evaluate_logits) == 0);
  evaluate_value();
  CHECK(count(evaluate_value) == 0);
  evaluate_gradient();
  const Index bytes = workspace.bytes();
  CHECK(count(evaluate_gradient) == 0);
  // what needs less or the same finds enough
  CHECK(count(evaluate_vjp) == 0);
  CHECK(count(evaluate_value) == 0);
  CHECK(count(evaluate_logits) == 0);
  CHECK(workspace.bytes() == bytes);
}

}  // namespace

TEST_CASE("the counter sees new, malloc, aligned new, Eigen and nothing else") {
  if (skipped()) return;
  std::unique_ptr<int> number;
  CHECK(count([&] { number = std::make_unique<int>(1); }) == 1);
  void* volatile memory = nullptr;
  CHECK(count([&] { memory = std::malloc(10); }) == 1);
  std::free(memory);
  Buffer<double> buffer;
  CHECK(count([&] { buffer.reserve(100); }) == 1);
  CHECK(count([&] { buffer.reserve(50); }) == 0);
  Eigen::MatrixXd matrix;
  CHECK(count([&] { matrix.setZero(50, 50); }) == 1);
  const Eigen::MatrixXd large = Eigen::MatrixXd::Ones(1000, 1000);
  Eigen::MatrixXd product(1000, 1000);
  CHECK(count([&] { product.noalias() = large * large; }) > 0);  // Eigen packs on the heap
  CHECK(count([] {}) == 0);
}

TEST_CASE_TEMPLATE("the second evaluation of a shape allocates nothing", S, float, double) {
  if (skipped()) return;
  for (const Shape& shape : kShapes)
    for (const int threads : {1, 3}) check_shape<S>(shape, threads);
}
