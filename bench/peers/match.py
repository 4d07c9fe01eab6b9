"""What came out of one case on one number of threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .findings import Finding
from .targets import CASES

Row = dict[str, Any]
"""The numbers of one contestant, as they are written to the JSON file."""


@dataclass(frozen=True)
class Match:
    """A row for each contestant, mgres first; without all that is about speed unless `judged`."""

    rows: list[Row]
    judged: bool = True

    @property
    def mgres(self) -> Row:
        """The row of mgres."""
        return self.rows[0]

    @property
    def best_peer(self) -> Row | None:
        """The row of the fastest peer; None if there is no peer."""
        return min(self.rows[1:], key=lambda row: row["median"], default=None)

    @property
    def disturbed(self) -> str:
        """What speaks against trusting the numbers."""
        return str(self.mgres["disturbed"]) if self.judged else ""

    @property
    def share(self) -> Finding:
        """How much of the peak mgres reaches; the target is for one thread."""
        row = self.mgres
        target = CASES[row["case"]].share if self.judged and row["threads"] == 1 else None
        detail = f"{row['gflops']:.1f} of {row['peak']:.1f} GFLOP/s"
        name = f"{row['case']}: share of the peak"
        return Finding(name, row["share"], "%", target, detail, self.disturbed)

    @property
    def ratio(self) -> Finding | None:
        """How many times mgres is as fast as the best peer; None if there is no peer."""
        best = self.best_peer
        if best is None:
            return None
        target = CASES[best["case"]].ratio if self.judged else None
        detail = (
            f"{best['title']}, {1e3 * best['median']:.2f} ms; "
            f"the peak itself is {1 / best['share']:.3g} x as fast"
        )
        name = f"{best['case']}: against the best peer"
        return Finding(name, best["ratio"], "x", target, detail, self.disturbed)

    @property
    def findings(self) -> list[Finding]:
        """Both, as far as there are peers."""
        return [finding for finding in (self.share, self.ratio) if finding is not None]
