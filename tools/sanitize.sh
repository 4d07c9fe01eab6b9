#!/usr/bin/env bash
# The C++ tests, or the Python tests, under a sanitizer.
#
#   bash tools/sanitize.sh asan               C++ tests: AddressSanitizer, UndefinedBehaviorSanitizer
#   bash tools/sanitize.sh tsan               C++ tests: ThreadSanitizer (clang, libomp, Archer)
#   bash tools/sanitize.sh python [TESTS...]  Python tests on a core with ASan and UBSan, in an
#                                             environment of their own, build/asan-venv
#
# Python tests run slowly: a quarter of an hour for tests/resnet, hours for all.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?asan, tsan or python}
shift

cpp_tests() {
  cmake --preset "$1" --log-level=WARNING
  cmake --build --preset "$1"
  ctest --preset "$1"
}

case $kind in
  asan)
    cpp_tests asan
    ;;
  tsan)
    command -v clang++ >/dev/null || {
      echo "clang, libomp and Archer are needed: apt install clang libomp-dev"
      exit 1
    }
    # without Archer ThreadSanitizer does not know what OpenMP's barriers order
    archer=$(find /usr/lib -name 'libarcher.so' 2>/dev/null | head -n 1)
    [ -n "$archer" ] || {
      echo "libarcher.so is missing: apt install libomp-dev"
      exit 1
    }
    export OMP_TOOL_LIBRARIES=$archer TSAN_OPTIONS="ignore_noninstrumented_modules=1 ${TSAN_OPTIONS:-}"
    cpp_tests tsan
    ;;
  python)
    venv=build/asan-venv
    if [ ! -x $venv/bin/python ]; then
      python3 -m venv $venv
      $venv/bin/python -m pip install --quiet --disable-pip-version-check scikit-build-core pybind11 cmeel-eigen cmake ninja
    fi
    PATH="$PWD/$venv/bin:$PATH" $venv/bin/python -m pip install --quiet --disable-pip-version-check \
      --no-build-isolation -Cbuild-dir=build/asan-python -Ccmake.build-type=Debug \
      -Ccmake.define.MGRES_SANITIZE=address,undefined -e ".[test]"
    # one thread of OpenMP more than cores would make the spinning threads of a slow core starve
    LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so.6)" \
      ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
      $venv/bin/python -m pytest -q "$@"
    ;;
  *)
    echo "expected asan, tsan or python, got $kind"
    exit 1
    ;;
esac
