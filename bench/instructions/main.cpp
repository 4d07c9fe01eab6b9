// Takes one gradient, so that tools/instructions.py can count the instructions of it.
//
//   mgres_instructions         print, line by line, the compiler (such as gcc-12), its full version,
//                              and the cases
//   mgres_instructions CASE    take the gradient
//
// One thread: instructions of threads that wait for each other are not reproducible.
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include "counted.hpp"
#include "mgres/resnet.hpp"
#include "reference.hpp"

using namespace mgres;

namespace {

#if defined(__clang__)
constexpr char kCompiler[] = "clang";
constexpr int kCompilerMajor = __clang_major__;
#else
constexpr char kCompiler[] = "gcc";
constexpr int kCompilerMajor = __GNUC__;
#endif

constexpr Index kDepth = 64;  // enough for checkpoints on the way back
constexpr Index kSamples = 256;

ResNet make_net(Index width, Activation activation) {
  ResNet net;
  net.inputs = 2;
  net.width = width;
  net.outputs = 2;
  net.depth = kDepth;
  net.block.activation = activation;
  return net;
}

template <class S>
struct Problem {
  Problem(Index width, Activation activation) : net(make_net(width, activation)) {
    reference::Random random(1);
    theta = random.vector<S>(net.layout.size);
    inputs = random.vector<S>(kSamples * net.inputs());
    for (Index i = 0; i < kSamples; ++i) labels.push_back(random.below(net.outputs()));
    gradient = theta;
  }

  double value_and_grad() {
    return mgres::value_and_grad<S>(net, Loss::cross_entropy, Trainable(), theta.data(),
                                    {inputs.data(), kSamples}, {labels.data(), nullptr},
                                    gradient.data(), workspace, never);
  }

  Network<S> net;
  std::vector<S> theta, inputs, gradient;
  std::vector<std::int64_t> labels;
  Workspace<S> workspace;
  Interrupt never;
};

template <class S, Index width, Activation activation>
bool run() {
  Problem<S> problem(width, activation);
  problem.value_and_grad();  // allocates
  return mgres_counted([](void* data) { return static_cast<Problem<S>*>(data)->value_and_grad(); },
                       &problem);
}

struct Case {
  std::string_view name;
  bool (*run)();
};

constexpr Case kCases[] = {
    {"width-10-float-relu", run<float, 10, Activation::relu>},
    {"width-32-float-relu", run<float, 32, Activation::relu>},
    {"width-10-double-tanh", run<double, 10, Activation::tanh>},
};

void describe() {
  std::printf("%s-%d\n%s\n", kCompiler, kCompilerMajor, __VERSION__);
  for (const Case& c : kCases) std::printf("%s\n", c.name.data());
}

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 8 << 20);  // as in the extension modules
  if (argc == 1) {
    describe();
    return 0;
  }
  for (const Case& c : kCases)
    if (c.name == argv[1]) return c.run() ? 0 : 1;
  std::fprintf(stderr, "mgres_instructions: no case is called %s\n", argv[1]);
  return 2;
}
