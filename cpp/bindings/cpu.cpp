// Which instruction set level this machine has; compiled for the baseline.
#include <pybind11/pybind11.h>

namespace {

const char* level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
  if (__builtin_cpu_supports("x86-64-v4")) return "v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "v3";
#else
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (v4) return "v4";
  if (v3) return "v3";
#endif
#endif
  return "base";
}

}  // namespace

PYBIND11_MODULE(_cpu, m) {
  m.doc() = "Finds out which instruction set level this machine has.";
  m.def("level", &level, "Return 'v4', 'v3' (x86-64 levels) or 'base'.");
}
