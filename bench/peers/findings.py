"""One measured number that has a target, or only a name."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .targets import Target, amount


@dataclass(frozen=True)
class Finding:
    """A number, what it should be, and in `detail` what a reader needs to judge it.

    `disturbed` is what speaks against trusting it.  Nothing is judged then: the peak suffers too,
    and a share of it may even grow.
    """

    name: str
    value: float
    unit: str
    target: Target | None = None
    detail: str = ""
    disturbed: str = ""

    @property
    def verdict(self) -> str:
        """Return "met", "missed: ...", "not judged", or nothing where there is no target."""
        if self.target is None:
            return ""
        return "not judged" if self.disturbed else self.target.verdict(self.value)

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the columns of the printed table."""
        target = "" if self.target is None else str(self.target)
        notes = "; ".join(filter(None, (self.detail, self.disturbed)))
        return self.name, amount(self.value, self.unit), target, self.verdict, notes

    def record(self) -> dict[str, Any]:
        """Return what is written to the JSON file."""
        target = None if self.target is None else asdict(self.target)
        return {**asdict(self), "target": target, "verdict": self.verdict}
