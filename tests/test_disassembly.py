"""Each compiled module holds the instructions of its level, and none above.

A machine that lacks an instruction kills the process at the first one that it meets, and the
developers' machines lack none. So the modules are read, not run.
"""

import platform
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from mgres import _cpu

LEVELS = ("base", "v3", "v4")
FOLDER = Path(_cpu.__file__).parent  # in an editable install not where _core.py is
BUILT = [level for level in LEVELS if list(FOLDER.glob(f"_core_{level}.*.so"))]

# One line of objdump: address, tab, mnemonic behind its prefixes, operands.
LINE = re.compile(r"^ *[0-9a-f]+:\t(?:(?:rep|repz|repnz|lock|notrack|bnd) )*(\w+) *(.*)$", re.M)

# Of AVX-512: a register beyond the 16 of AVX2, a mask, or a width of 64 bytes.
ONLY_V4 = re.compile(r"%zmm|%[xy]mm(?:1[6-9]|2\d|3[01])\b|%k[0-7]\b")
# Of AVX and FMA: the mnemonic's v. Of the same level: BMI, which has no letter of its own.
ONLY_V3 = re.compile(
    r"v.*|(?:andn|bextr|bls(?:i|r|msk)|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx)[lq]?"
)
FMA = re.compile(r"vfn?m(?:add|sub)\d{3}p[sd]")


def obstacle() -> str:
    """Return why the modules cannot be read here, if so."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "levels are for x86-64, and ELF files are read"
    if BUILT == ["base"]:
        return "only one module was built, perhaps for this very machine"
    return "" if shutil.which("objdump") else "objdump is missing: apt install binutils"


reads_modules = pytest.mark.skipif(bool(obstacle()), reason=obstacle())


def level_of(mnemonic: str, operands: str) -> str:
    """Return the lowest level that has an instruction, as far as this can be told by its looks."""
    if ONLY_V4.search(operands):
        return "v4"
    return "v3" if ONLY_V3.fullmatch(mnemonic) else "base"


def instructions(name: str) -> list[tuple[str, str]]:
    """Return mnemonic and operands of all instructions of a module."""
    (module,) = FOLDER.glob(f"{name}.*.so")
    done = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", str(module)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = LINE.findall(done.stdout)
    assert len(found) > 1000, "objdump writes in a way that is not understood"
    return found


def assert_at_most(level: str, name: str) -> None:
    above = LEVELS[LEVELS.index(level) + 1 :]
    found = [" ".join(i) for i in instructions(name) if level_of(*i) in above]
    assert not found, f"{name}: {len(found)} instructions above {level}, such as {found[:3]}"


@reads_modules
@pytest.mark.parametrize(
    ("level", "name"),
    [("base", "_cpu"), *((level, f"_core_{level}") for level in BUILT)],
)
def test_no_instruction_above_the_level(level, name):
    assert_at_most(level, name)


@reads_modules
@pytest.mark.parametrize(("level", "registers"), [("v3", "%ymm"), ("v4", "%zmm")])
def test_the_level_is_used(level, registers):
    if level not in BUILT:
        pytest.skip(f"level {level} was not built")
    wide = [
        mnemonic for mnemonic, operands in instructions(f"_core_{level}") if registers in operands
    ]
    assert len([mnemonic for mnemonic in wide if FMA.fullmatch(mnemonic)]) > 100


@reads_modules
@pytest.mark.parametrize(("level", "other"), list(pairwise(BUILT)))
def test_the_module_of_the_next_level_is_caught(level, other):
    with pytest.raises(
        AssertionError, match=rf"_core_{other}: \d+ instructions above {level}, such"
    ):
        assert_at_most(level, f"_core_{other}")


@pytest.mark.parametrize(
    ("instruction", "level"),
    [
        ("mov    %rsp,%rbp", "base"),
        ("mulps  %xmm15,%xmm1", "base"),
        ("vmulps %xmm0,%xmm1,%xmm2", "v3"),
        ("vfmadd231ps (%rax),%ymm15,%ymm1", "v3"),
        ("shlx   %rcx,%rdx,%rsi", "v3"),
        ("andn   %rcx,%rdx,%rsi", "v3"),
        ("andnps %xmm0,%xmm1", "base"),
        ("vmulps %xmm16,%xmm1,%xmm2", "v4"),
        ("vaddpd %ymm0,%ymm1,%ymm31", "v4"),
        ("vmovups %ymm0,(%rax){%k1}", "v4"),
        ("kmovw  %k0,%eax", "v4"),
        ("vfmadd231pd %zmm0,%zmm1,%zmm2", "v4"),
        ("rep stos %al,%es:(%rdi)", "base"),
        ("lock cmpxchg %rdx,(%rax)", "base"),
    ],
)
def test_level_of_an_instruction(instruction, level):
    ((mnemonic, operands),) = LINE.findall(f"    1f40:\t{instruction}")
    assert level_of(mnemonic, operands) == level
