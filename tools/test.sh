#!/usr/bin/env bash
# Build from source in a fresh virtual environment and run every check.
#
#   bash tools/test.sh [folder of the virtual environment]
#
# What it needs beyond Python and a C++17 compiler it installs: Python packages into the virtual
# environment, and doctest, google-benchmark, valgrind and binutils through apt where that is
# possible.  A step that cannot run here says so and does not fail.  MGRES_DATA names the folder of
# the MNIST files, if there is one; MGRES_TEST_EXTRAS further packages to install, such as torch,
# with which more tests run.
set -euo pipefail
cd "$(dirname "$0")/.."

# The checks are a process group of their own, so that whatever stops this command stops them all:
# bash alone would leave the one that runs.
if [ "${MGRES_TEST_GROUP:-}" != $PPID ]; then
  stop() {
    trap '' HUP INT TERM
    kill -TERM -- -"$checks" 2>/dev/null || true
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      kill -0 -- -"$checks" 2>/dev/null || exit "$1"
      sleep 0.5
    done
    kill -KILL -- -"$checks" 2>/dev/null || true
    exit "$1"
  }
  set -m
  MGRES_TEST_GROUP=$$ bash tools/test.sh "$@" &
  checks=$!
  trap 'stop 129' HUP
  trap 'stop 130' INT
  trap 'stop 143' TERM
  wait "$checks"
  exit $?
fi
venv=${1:-build/test-venv}

step() { printf '\n=== %s (after %d s)\n' "$*" "$SECONDS"; }
skip() { printf '\n!!! SKIPPED: %s\n' "$*"; }

# ---- tools ------------------------------------------------------------------------------------------

apt_install() {
  command -v apt-get >/dev/null || return 1
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q "$@" >/dev/null 2>&1 || {
    $sudo apt-get update -q >/dev/null 2>&1 &&
      DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q "$@" >/dev/null 2>&1
  }
}

command -v c++ >/dev/null || apt_install g++ || {
  echo "a C++17 compiler is needed: apt install g++ | dnf install gcc-c++ | xcode-select --install"
  exit 1
}
[ -e /usr/include/doctest/doctest.h ] || apt_install doctest-dev || true
[ -e /usr/include/benchmark/benchmark.h ] || apt_install libbenchmark-dev || true
command -v valgrind >/dev/null || apt_install valgrind || true
command -v objdump >/dev/null || apt_install binutils || true

step "virtual environment and build"
rm -rf "$venv"
python3 -m venv "$venv" 2>/dev/null || { apt_install python3-venv && python3 -m venv "$venv"; }
python="$PWD/$venv/bin/python"
"$python" -m pip install --quiet --disable-pip-version-check --upgrade pip
rm -rf build/wheel
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel .
wheel=$(echo "$PWD"/build/wheel/mgres-*.whl)
"$python" -m pip install --quiet --disable-pip-version-check "$wheel[test,dev,docs]"
# of a checkout without changes a clone would give the same: the newcomer of the tests need not build again
if [ -e .git ] && [ -z "$(git status --porcelain)" ]; then
  export MGRES_TEST_WHEEL=$wheel
fi
if [ -n "${MGRES_TEST_EXTRAS:-}" ]; then
  # shellcheck disable=SC2086  # several requirements may be named
  "$python" -m pip install --quiet --disable-pip-version-check $MGRES_TEST_EXTRAS ||
    skip "tests that need $MGRES_TEST_EXTRAS: cannot be installed here"
fi

# ---- lint -------------------------------------------------------------------------------------------

step "ruff"
"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check .

step "mypy"
"$venv/bin/mypy"

step "clang-format"
git ls-files '*.hpp' '*.cpp' | xargs "$venv/bin/clang-format" --dry-run -Werror

step "the committed type stub is that of the compiled module"
"$python" tools/stubs.py --check

# ---- C++ --------------------------------------------------------------------------------------------

"$python" -m pip install --quiet --disable-pip-version-check cmake ninja "cmeel-eigen>=3.4.1,<4"
PATH="$PWD/$venv/bin:$PATH"
CMAKE_PREFIX_PATH=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(getconf _NPROCESSORS_ONLN)}
export CMAKE_PREFIX_PATH CMAKE_BUILD_PARALLEL_LEVEL

if [ -e /usr/include/doctest/doctest.h ] || [ -n "${doctest_DIR:-}" ]; then
  step "C++ tests"
  cmake --preset dev --log-level=WARNING -DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2  # debugging symbols take time
  cmake --build --preset dev
  ctest --preset dev
else
  skip "C++ tests: doctest is missing (apt install doctest-dev | brew install doctest)"
fi

if [ -e /usr/include/benchmark/benchmark.h ] || [ -n "${benchmark_DIR:-}" ]; then
  step "the answers of the C++ microbenchmarks (their times say nothing here)"
  cmake --preset bench --log-level=WARNING
  cmake --build --preset bench
  build/bench/bench/cpp/mgres_bench --benchmark_min_time=0.01
else
  skip "C++ microbenchmarks: google-benchmark is missing (apt install libbenchmark-dev)"
fi

# ---- Python -----------------------------------------------------------------------------------------

# What keeps one core busy runs beside the tests: its output comes after theirs.
one_core() {
  step "instructions of three gradients"
  "$python" tools/instructions.py --check || {
    [ $? -eq 2 ] || return 1
    skip "instruction counts: see the line above"
  }
  step "documentation: every page, every example; a warning is an error"
  MPLBACKEND=Agg OMP_NUM_THREADS=1 "$python" -m sphinx -q -W --keep-going -b html docs build/html || return 1
}
one_core >build/one-core.log 2>&1 &
one_core=$!
failed=0

# Tests of one file stay together: some share what takes long to make.  The longest files come
# first, see tests/conftest.py.  One thread for each: the workers fill the cores, and threads that
# wait for one that has no core would spin.  Tests of threads say how many they want.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
workers=(-n "$(getconf _NPROCESSORS_ONLN)" --dist loadfile --no-loadscope-reorder)
step "Python tests"
"$python" -m pytest -q "${workers[@]}" \
  --deselect tests/docs/test_gallery.py::test_example_runs || failed=1 # Sphinx runs the examples

# most machines have AVX2 and no more: what is right on the best level here must be right there, too
isa=$("$python" -c 'import mgres._core as core; print(core.isa)')
if [ "$isa" = v4 ] && [ -z "${MGRES_ISA:-}" ]; then
  step "numerical Python tests with AVX2"
  MGRES_ISA=v3 NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR" OPENBLAS_CORETYPE=Haswell \
    "$python" -m pytest -q "${workers[@]}" tests/resnet tests/stages tests/mgopt || failed=1
fi

wait "$one_core" || failed=1
cat build/one-core.log
exit $failed
