"""How much memory this process can still have, so that what cannot fit is refused at once."""

from __future__ import annotations

from pathlib import Path

from .cgroups import own_cgroups

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def available_memory() -> int | None:
    """Return the bytes that the machine, the container and ``ulimit -v`` leave; None if unknown."""
    limits = [_machine(), _address_space(), *_containers()]
    return min((limit for limit in limits if limit is not None), default=None)


def check_memory(what: str, needed: int) -> None:
    """Raise a MemoryError if `needed` bytes are more than there are.

    Parameters
    ----------
    what : str
        Begins the message.
    needed : int
        A lower bound, so that nothing is refused that could have run.

    Raises
    ------
    MemoryError
        With both numbers.
    """
    available = available_memory()
    if available is not None and needed > available:
        raise MemoryError(
            f"{what} needs at least {_human(needed)} of memory, {_human(available)} are available"
        )


def _human(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _machine() -> int | None:
    """Return what Linux would give without swapping, and the swap."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return 1024 * (kilobytes["MemAvailable"] + kilobytes.get("SwapFree", 0))
    except (OSError, ValueError, LookupError):
        return None


def _address_space() -> int | None:
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        return limit
    return max(0, limit - pages * resource.getpagesize())


def _containers() -> list[int]:
    """Return what the memory limits of the cgroup (v2) and its parents leave."""
    left = []
    for group in own_cgroups():
        try:
            most = (group / "memory.max").read_text().strip()
            used = int((group / "memory.current").read_text())
        except (OSError, ValueError):
            continue
        if most != "max":
            left.append(int(most) - used + _reclaimable(group))
    return left


def _reclaimable(group: Path) -> int:
    """Return the bytes of files that are in memory and would give way."""
    try:
        lines = (group / "memory.stat").read_text().splitlines()
        return sum(int(n) for name, n in map(str.split, lines) if name.endswith("_file"))
    except (OSError, ValueError):
        return 0
