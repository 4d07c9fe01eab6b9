// Microbenchmarks of the core.  See README.md beside this file.
#include <cstdio>

#include <Eigen/Core>
#include <benchmark/benchmark.h>

#include "answer.hpp"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 8 << 20);  // as in the extension modules
  benchmark::AddCustomContext("instruction set level", MGRES_ISA_NAME);
  benchmark::AddCustomContext("compiler", __VERSION__);
  if (benchmark::RunSpecifiedBenchmarks() == 0) return 2;  // it has said that nothing matches
  benchmark::Shutdown();
  if (bench::wrong_answers() == 0) return 0;
  std::fprintf(stderr, "mgres_bench: %d wrong answers\n", bench::wrong_answers());
  return 1;
}
