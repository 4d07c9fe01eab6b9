"""A block of the user's own with mistakes: nothing is computed from them, and each is named."""

import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import pytest

import mgres
from mgres import blocks

from .problems import random_problem

N = 5


@dataclass(frozen=True)
class Own(blocks.Custom):
    """A dense block of tanh, by a function that a test may spoil."""

    spoil: str = ""

    def parameters(self, width):
        return {"W": (width, width), "b": (width,)}

    def field(self, p, y):
        value = np.tanh(y @ p["W"].T + p["b"])

        def pull(r):
            s = (1 - value**2) * r
            by_p = {"W": s.T @ y, "b": s.sum(axis=0)}
            found = {
                "dL/dy of another shape": (s[:, :1], by_p),
                "a derivative of another shape": (s @ p["W"], {**by_p, "b": s}),
                "a derivative missing": (s @ p["W"], {"W": by_p["W"]}),
                "a derivative of nothing": (s @ p["W"], {**by_p, "c": by_p["b"]}),
                "derivatives without names": (s @ p["W"], [*by_p.values()]),
                "no pair of derivatives": s @ p["W"],
            }
            return found.get(self.spoil, (s @ p["W"], by_p))

        if self.spoil == "parameters written to":
            p["b"] += 1
        found = {
            "F of another shape": (value[:, :1], pull),
            "F of one sample": (value[0], pull),
            "a complex F": (value + 0j if y.dtype.kind == "f" else value, pull),
            "no pair": value,
            "a real F for complex states": (value.real, pull),
        }
        return found.get(self.spoil, (value, pull))


def problem(block, **options):
    net = mgres.ResNet(2, 4, 3, 3, dtype=np.float64, block=block, **options)
    theta, X, _, y = random_problem(net, N, 0)
    return net, theta, X, y


# ---- what the block says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        ("F of another shape", ValueError, r"Own.field: F: expected shape \(5, 4\), got \(5, 1\)"),
        ("F of one sample", ValueError, r"Own.field: F: expected shape \(5, 4\), got \(4,\)"),
        ("a complex F", TypeError, "Own.field: F: expected float64 .*got complex"),
        ("no pair", TypeError, "Own.field: expected to return F and pull, got ndarray"),
        ("parameters written to", ValueError, "read-only"),
        ("dL/dy of another shape", ValueError, r"Own.field: dL/dy: expected shape \(5, 4\)"),
        ("a derivative of another shape", ValueError, r"dL/dp of b: expected shape \(4,\)"),
        ("a derivative missing", ValueError, r"expected dL/dp for \['W', 'b'\], got \['W'\]"),
        ("a derivative of nothing", ValueError, r"expected dL/dp for .*got \['W', 'b', 'c'\]"),
        ("derivatives without names", TypeError, "expected a dict of dL/dp, got list"),
        ("no pair of derivatives", TypeError, "pull: expected to return dL/dy and"),
    ],
)
def test_a_field_that_is_wrong(spoil, error, message):
    net, theta, X, y = problem(Own(spoil))
    before, out = theta.copy(), np.empty_like(theta)
    with pytest.raises(error, match=message):
        mgres.ResNetObjective(net, X, y).value_and_grad(theta, out)
    np.testing.assert_array_equal(theta, before)


def test_a_field_that_drops_the_imaginary_part_has_no_second_derivatives():
    net, theta, X, y = problem(Own("a real F for complex states"))
    f, out = mgres.ResNetObjective(net, X, y), np.empty_like(theta)
    f.value_and_grad(theta, out)
    with pytest.raises(TypeError, match="functions that are right for complex ones"):
        f.hessian_product(theta, np.ones_like(theta), out)


@pytest.mark.parametrize(
    ("found", "error", "message"),
    [
        ([("W", (2,))], TypeError, "parameters: expected a dict of shapes by name, got list"),
        ({"W": 2}, TypeError, "parameters: expected a tuple for W, got 2"),
        ({"W": (2.0,)}, ValueError, "parameters: expected sizes of at least 1 for W"),
        ({"W": (True,)}, ValueError, "parameters: expected sizes of at least 1 for W"),
        ({"W": ()}, ValueError, "parameters: expected sizes of at least 1 for W"),
        ({"W": (10**16,)}, ValueError, "parameters: expected sizes .* for W"),
        ({"Q": (2, 2)}, ValueError, "parameters: Q is an array of every network"),
        ({"b_out": (2,)}, ValueError, "parameters: b_out is an array of every network"),
        ({"_asdict": (2,)}, ValueError, "parameters: expected names of arrays, got '_asdict'"),
        ({"a b": (2,)}, ValueError, "parameters: expected names of arrays, got 'a b'"),
        ({3: (2,)}, ValueError, "parameters: expected names of arrays, got 3"),
        ({"scale": (2,), "W": (2, 2)}, ValueError, "parameters: expected .* after all others"),
    ],
)
def test_parameters_that_are_wrong(found, error, message):
    @dataclass(frozen=True)
    class Wrong(blocks.Custom):
        def parameters(self, width):
            return found

    with pytest.raises(error, match=message):
        mgres.ResNet(2, 4, 3, 3, block=Wrong())


# ---- what is the user's own ----------------------------------------------------------------------


@dataclass(frozen=True)
class Named(blocks.Custom):
    """Parameters and attributes called like those of mgres; a width of 3 at least."""

    hidden: tuple[int, ...] = (3, 2)
    norm: str = "batch"
    paced: bool = True
    damping: str = "strong"
    plan: object = field(default_factory=lambda: (x for x in ()), compare=False)

    def parameters(self, width):
        return {"W": (np.int32(width), np.int64(width - 2)), "scale": (width,), "pace": (width,)}

    def field(self, p, y):
        u = y[:, 2:] @ p["W"].T
        value = p["scale"] * u + p["pace"]

        def pull(r):
            s = p["scale"] * r
            by_y = np.concatenate([np.zeros((len(y), 2)), s @ p["W"]], axis=1)
            by_p = {"W": s.T @ y[:, 2:], "scale": (r * u).sum(axis=0), "pace": r.sum(axis=0)}
            return by_y, by_p

        return value, pull


@pytest.mark.parametrize("scheme", ["euler", "matched", "rk4"])
def test_names_of_parameters_and_attributes_are_free(scheme):
    net, theta, X, y = problem(Named(), scheme=scheme)
    assert net.layer_arrays == {"W": (4, 2), "scale": (4,), "pace": (4,)}
    assert type(net.size) is int
    assert net.damping == 0
    f, out, v = mgres.ResNetObjective(net, X, y), np.empty_like(theta), np.zeros_like(theta)
    f.value_and_grad(theta, out)
    for i in range(net.size):
        v[:] = 0
        v[i] = 1e-5
        slope = (f.value(theta + v) - f.value(theta - v)) / 2e-5
        assert out[i] == pytest.approx(slope, rel=1e-6, abs=1e-9)


# ---- what the caller says ------------------------------------------------------------------------


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    found = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


SPOILT = {
    "list": lambda a: a.tolist(),
    "single": lambda a: a.astype(np.float32),
    "complex": lambda a: a.astype(complex),
    "masked": np.ma.masked_array,
    "shorter": lambda a: a[:-1].copy(),
    "longer": lambda a: np.concatenate([a, a]),
    "of more dimensions": lambda a: a[None],
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "unaligned": unaligned,
}
ARGUMENTS = {
    "logits": "theta X out",
    "value": "theta X y",
    "value_and_grad": "theta X y out",
    "hessian_product": "theta X y v out",
    "gauss_newton_product": "theta X y v out",
    "vjp": "theta X dlogits out out_X",
}


def given(net, method, theta, X, y):
    of = {"theta": theta, "X": X, "y": y, "v": theta.copy(), "dlogits": np.ones((N, 3))}
    of["out"] = np.empty((N, 3)) if method == "logits" else np.empty_like(theta)
    of["out_X"] = np.empty_like(X)
    return {name: of[name] for name in ARGUMENTS[method].split()}


@pytest.mark.parametrize("vectors", [False, True], ids=["labels", "vectors"])
@pytest.mark.parametrize("method", ARGUMENTS)
def test_both_evaluators_refuse_the_same(method, vectors):
    own, theta, X, y = problem(Own())
    if vectors:
        y = np.eye(3)[y]
    evaluators = [n.evaluator() for n in (own, problem(blocks.Dense(activation="tanh"))[0])]

    def told(evaluator, arguments):
        try:
            getattr(evaluator, method)(**arguments)
        except (TypeError, ValueError) as error:
            # pybind says which types of all arguments do not fit, and not which argument
            return type(error), "" if "incompatible" in str(error) else str(error)
        return None

    for name in ARGUMENTS[method].split():
        spoilt = dict(SPOILT)
        if name.startswith("out"):
            spoilt["read-only"] = read_only
        if name == "y" and not vectors:
            spoilt |= {"too large": lambda a: a + 3, "negative": lambda a: a - 3}
        for how, spoil in spoilt.items():
            arguments = given(own, method, theta, X, y)
            arguments[name] = spoil(arguments[name])
            ours, theirs = (told(evaluator, arguments) for evaluator in evaluators)
            where = f"{name}, {how}: {ours} and {theirs}"
            assert (ours is None) == (theirs is None), where
            if ours is not None:
                assert ours[0] is theirs[0], where
                assert not theirs[1] or ours[1] == theirs[1], where


@pytest.mark.parametrize("method", ["value_and_grad", "hessian_product", "gauss_newton_product"])
def test_outputs_must_not_overlap_inputs(method):
    net, theta, X, y = problem(Own())
    both = np.concatenate([theta, theta])
    arguments = given(net, method, both[: net.size], X, y)
    arguments["out"] = both[1 : 1 + net.size]
    with pytest.raises(ValueError, match="out: must not overlap theta"):
        getattr(net.evaluator(), method)(**arguments)


# ---- what surrounds it ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_numpy_may_raise_in_the_caller(size):
    net, theta, X, y = problem(blocks.Dense(activation="tanh"))
    own = problem(Own())[0]
    theta = size * theta
    out, expected = np.empty((2, net.size))
    with np.errstate(all="raise"):
        for method in ("value_and_grad", "hessian_product", "gauss_newton_product"):
            arguments = given(net, method, theta, X, y)
            getattr(own.evaluator(), method)(**{**arguments, "out": out})
            getattr(net.evaluator(), method)(**{**arguments, "out": expected})
            assert np.isfinite(out).all() or not np.isfinite(expected).all()


def test_a_prediction_that_is_not_finite_is_an_error_and_no_warning():
    net, theta, X, _ = problem(Own())
    with pytest.raises(ValueError, match="X: the prediction for row 0 is not finite"):
        net.predict(100 * theta, np.full_like(X, 1e308))


def test_an_objective_takes_no_memory_before_it_is_evaluated():
    tracemalloc.start()
    try:
        problem_size = mgres.ResNet(2, 4, 3, 2**18, dtype=np.float64, block=Own())
        mgres.ResNetObjective(problem_size, np.ones((N, 2)), np.zeros(N, int), fixed=("opening",))
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_states_that_cannot_fit_are_refused_at_once(monkeypatch):
    monkeypatch.setattr("mgres.memory.available_memory", lambda: 10**9)
    net = mgres.ResNet(2, 4, 3, 2**10, dtype=np.float64, block=Own())
    X, y = np.ones((10**5, 2)), np.zeros(10**5, int)
    f, theta = mgres.ResNetObjective(net, X, y), net.init(0)
    message = "block: keeping the states of all layers needs at least 3.3 GB of memory, 1.0 GB are"
    for call in (
        lambda: f.value(theta),
        lambda: f.value_and_grad(theta, np.empty_like(theta)),
        lambda: net.predict(theta, X),
        lambda: mgres.fit(f, theta, max_cycles=1),
    ):
        with pytest.raises(MemoryError, match=message):
            call()
