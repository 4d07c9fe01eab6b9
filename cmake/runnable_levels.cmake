# Which instruction set levels this machine can run.

include_guard()
include(CheckCXXSourceRuns)

# The features of x86-64-v3 and -v4 that GCC and Clang can both ask for.
set(needs_v3 avx2 fma bmi bmi2)
set(needs_v4 ${needs_v3} avx512f avx512bw avx512cd avx512dq avx512vl)

# Set `result` to those of the levels that run here; `base` always does.
function(runnable_levels result)
  set(runnable "")
  foreach(level IN LISTS ARGN)
    if(NOT level STREQUAL "base")
      set(condition 1)
      foreach(feature IN LISTS needs_${level})
        string(APPEND condition " && __builtin_cpu_supports(\"${feature}\")")
      endforeach()
      check_cxx_source_runs(
        "int main() { __builtin_cpu_init(); return ${condition} ? 0 : 1; }" MGRES_RUNS_${level})
      if(NOT MGRES_RUNS_${level})
        continue()
      endif()
    endif()
    list(APPEND runnable ${level})
  endforeach()
  set(${result} ${runnable} PARENT_SCOPE)
endfunction()
