import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgres.mgopt import LevelSteps, Schedule

counts = st.integers(0, 1000)
level_steps = st.builds(LevelSteps, counts, counts)
schedules = st.builds(Schedule, st.lists(level_steps, max_size=10).map(tuple), st.integers(1, 1000))


@given(schedules)
@settings(deadline=None)
def test_what_is_printed_parses_back(schedule):
    assert Schedule.parse(str(schedule)) == schedule


@given(schedules, st.sampled_from(["", " ", "\t", "\n "]))
@settings(deadline=None)
def test_white_space_does_not_matter(schedule, space):
    text = str(schedule).replace(" ", "").replace(",", f"{space},{space}")
    assert Schedule.parse(f"{space}[{space}{text[1:-1]}{space}]{space}") == schedule


@pytest.mark.parametrize(
    ("text", "levels", "coarsest"),
    [
        ("[{1}]", [], 1),
        ("[(1),{2}]", [(1, 0)], 2),
        ("[(1), 1, 2, {2}]", [(1, 0), (1, 1), (2, 2)], 2),
        ("[(1), 2, 1, 3, {4}]", [(1, 0), (2, 2), (1, 1), (3, 3)], 4),
        ("[3/1, 0/2, 2/0, 0, {10}]", [(3, 1), (0, 2), (2, 0), (0, 0)], 10),
    ],
)
def test_notation(text, levels, coarsest):
    schedule = Schedule.parse(text)
    assert schedule.levels == tuple(LevelSteps(pre, post) for pre, post in levels)
    assert schedule.coarsest == coarsest
    assert len(schedule) == len(levels) + 1


def test_printed_form():
    steps = (LevelSteps(1, 0), LevelSteps(2, 2), LevelSteps(3, 1), LevelSteps(0, 1))
    assert str(Schedule(steps, 5)) == "[(1), 2, 3/1, 0/1, {5}]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[ ]",
        "1, {1}",
        "[1, {1}",
        "1, {1}]",
        "[1]",
        "[1, 1]",
        "[{1}, 1]",
        "[{1}, {1}]",
        "[1, {1}, 1]",
        "[1,, {1}]",
        "[1, {1},]",
        "[1 1, {1}]",
        "[(1, {1}]",
        "[1), {1}]",
        "[(1)), {1}]",
        "[((1)), {1}]",
        "[(1/1), {1}]",
        "[1/, {1}]",
        "[/1, {1}]",
        "[1/1/1, {1}]",
        "[-1, {1}]",
        "[+1, {1}]",
        "[1.5, {1}]",
        "[1e2, {1}]",
        "[one, {1}]",
        "[1, {}]",
        "[1, {-1}]",
        "[1, {1.0}]",
        "[1, (1)]",
        "[[{1}]]",
        "[1; {1}]",
        "[1, {1}] x",
    ],
)
def test_malformed_text_is_refused(text):
    with pytest.raises(ValueError, match=r"^schedule: expected"):
        Schedule.parse(text)


def test_coarsest_level_without_steps_is_refused():
    with pytest.raises(ValueError, match="coarsest"):
        Schedule.parse("[1, {0}]")


@pytest.mark.parametrize(
    ("levels", "text", "cost"),
    [
        (1, "[{1}]", 1),
        (2, "[(1), {2}]", 3),
        (3, "[(1), 1, {2}]", 4),
        (4, "[(1), 1, 2, {2}]", 5),
        (6, "[(1), 1, 1, 2, 2, {2}]", 5.25),
        (8, "[(1), 1, 1, 1, 2, 2, 2, {2}]", 5.1875),
    ],
)
def test_table_1_of_the_paper(levels, text, cost):
    schedule = Schedule.paper(levels)
    assert str(schedule) == text
    assert schedule.work_units() == cost


def test_cost_with_given_gradient_costs():
    # (1 + 0 + 1) * 1 + (2 + 2 + 1) * 0.3 + 4 * 0.2
    schedule = Schedule.parse("[(1), 2, {4}]")
    assert schedule.work_units([1.0, 0.3, 0.2]) == pytest.approx(4.3, rel=1e-15)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: LevelSteps(-1, 0), "pre"),
        (lambda: LevelSteps(0, -1), "post"),
        (lambda: Schedule((), 0), "coarsest"),
        (lambda: Schedule((), -3), "coarsest"),
        (lambda: Schedule.paper(0), "levels"),
        (lambda: Schedule.paper(-2), "levels"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=name):
        make()
