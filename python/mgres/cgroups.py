"""The control groups that limit this process (Linux, cgroup v2)."""

from __future__ import annotations

from pathlib import Path


def own_cgroups() -> list[Path]:
    """Return the folders of the group of this process and of its parents; none elsewhere."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        path = next(line[3:] for line in lines if line.startswith("0::"))
    except (OSError, StopIteration):
        return []
    folder = Path("/sys/fs/cgroup") / path.lstrip("/")
    return [folder, *folder.parents]
