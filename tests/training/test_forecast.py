"""How long training may still take."""

from __future__ import annotations

import pytest

import mgres
from mgres.training import Record
from mgres.training.limits import Limits
from mgres.training.watch.forecast import Forecast
from mgres.training.watch.progress import describe


def limits(loss=None, work_units=None, seconds=None, cycles=1000):
    return Limits(None, loss, work_units, seconds, cycles)


def record(cycle, loss=1.0, level=0):
    """Ten cycles and five work units a second."""
    return Record(cycle, cycle, loss, None, 0.5 * cycle, 0.1 * cycle, level=level)


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        (limits(cycles=100), 8.0),
        (limits(work_units=20), 2.0),
        (limits(seconds=3), 1.0),
        (limits(work_units=20, seconds=3), 1.0),
        (limits(seconds=1), 0.0),
    ],
)
def test_pace_so_far(limit, left):
    assert Forecast(limit).left(record(20)) == pytest.approx(left)


def test_nothing_is_known_at_the_start():
    assert Forecast(limits()).left(record(0)) is None
    assert Forecast(limits(seconds=3)).left(record(0)) == 3


def test_loss_falls_by_the_same_factor_in_the_same_time():
    forecast = Forecast(limits(loss=2.0**-30, cycles=10**6))
    for cycle in range(21):
        left = forecast.left(record(cycle, 2.0**-cycle))
    assert left == pytest.approx(1.0)  # ten more halvings, ten a second


def test_loss_that_rises_says_nothing():
    forecast = Forecast(limits(loss=0.1, cycles=1000))
    forecast.left(record(1, 1.0))
    assert forecast.left(record(2, 1.5)) == pytest.approx(99.8)
    assert Forecast(limits(loss=0.0, cycles=10)).left(record(5, 1.0)) == pytest.approx(0.5)


def test_another_level_has_another_pace():
    forecast = Forecast(limits(loss=0.1, cycles=1000))
    forecast.left(record(1, 1.0, level=1))
    assert forecast.left(record(2, 0.5, level=0)) == pytest.approx(99.8)


def test_description():
    assert describe(record(2), left=3725.4).endswith("0.2 s, at most 1:02:05 left")
    assert describe(record(2)).endswith("0.2 s")


def test_fit_shows_every_record_to_an_object(problem):
    seen = []

    class Watch:
        def __enter__(self):
            seen.append("begin")
            return self

        def __exit__(self, *error):
            seen.append("end")

        def show(self, record):
            seen.append(record.cycle)

    mgres.fit(problem.f, max_cycles=3, progress=Watch())
    assert seen == ["begin", 0, 1, 2, 3, "end"]
