"""What all checks report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class CheckError(AssertionError):
    """A check found a fault; the message is the printed report."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The verdict of a check.

    Attributes
    ----------
    failures : tuple of str
        What is wrong.
    warnings : tuple of str
        What is allowed but deserves a look.
    """

    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings do not count."""
        return not self.failures

    def raise_if_failed(self) -> None:
        """Raise :class:`CheckError` with the printed report unless the check passed.

        Raises
        ------
        CheckError
            An AssertionError with the whole report.
        """
        if not self.ok:
            raise CheckError(str(self))

    def render(self, title: str, body: Iterable[str]) -> str:
        """Return `title` with the verdict, then the indented lines of `body`, then the findings."""
        lines = [f"{title}: {'ok' if self.ok else 'FAILED'}"]
        lines += [f"  {line}" for line in body]
        lines += [f"  failed: {failure}" for failure in self.failures]
        lines += [f"  warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table with right-aligned columns."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in [header, *rows]
    ]


def number(value: float | None, form: str = ".1e") -> str:
    """Return `value` for a table cell; a dash for None."""
    return "-" if value is None else format(value, form)
