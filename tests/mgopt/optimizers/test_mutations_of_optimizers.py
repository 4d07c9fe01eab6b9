"""Break one line of an optimiser: the tests of this folder have to notice.

Each row names a line, what it is changed to, and a test that passes as the line is.
"""

import importlib
import inspect
import types

import numpy as np
import pytest

from mgres.mgopt import LBFGS, LSR1, Adam, AdamW, Momentum, Nesterov, RMSprop

from . import test_carried_optimizers as carried
from . import test_lbfgs as lbfgs
from . import test_lsr1 as lsr1
from . import test_optimizer as first_order
from . import test_proximal as proximal
from . import test_rate as rate
from . import test_scipy_minimize as scipy_tests


def functions(module):
    """Yield path and function of everything that the module defines, methods included."""
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, types.FunctionType):
            yield (name,), inspect.unwrap(value)
        for key, member in vars(value).items() if isinstance(value, type) else ():
            bare = getattr(member, "__func__", getattr(member, "fget", member))
            bare = inspect.unwrap(bare) if callable(bare) else bare
            if isinstance(bare, types.FunctionType):
                yield (name, key), bare


def code_of(code, path):
    """Return the code object of the definition at `path` inside `code`, None if there is none."""
    for name in path:
        inner = (c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name)
        code = next(inner, None)
        if code is None:
            return None
    return code


def fingerprint(code):
    """Return what differs between codes that do different things, whatever lines they are on."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    plain = [repr(c) for c in code.co_consts if not isinstance(c, types.CodeType)]
    return code.co_code, code.co_names, plain, [fingerprint(c) for c in inner]


def mutate(monkeypatch, name, old, new):
    """Replace `old`, which occurs once in the module, by `new`, in place."""
    module = importlib.import_module(f"mgres.{name}")
    source = inspect.getsource(module)
    assert source.count(old) == 1, (name, old, source.count(old))
    broken = compile(source.replace(old, new), module.__file__, "exec", dont_inherit=True)
    changed = 0
    for path, function in functions(module):
        code = code_of(broken, path)
        if code is not None and fingerprint(code) != fingerprint(function.__code__):
            monkeypatch.setattr(function, "__code__", code)
            changed += 1
    assert changed


def textbook(kind):
    """Every textbook loop for optimisers of this very type, in a metric."""

    def check():
        cases = [case for case in first_order.CASES if type(case[0]) is kind]
        assert cases
        for optimizer, reference, arguments in cases:
            first_order.test_textbook_loop(
                optimizer, reference, arguments, first_order.WEIGHTS, np.float64
            )

    return check


def up(kind):
    def check():
        for fine, coarse in carried.CASES:
            if type(fine) is kind:
                carried.test_going_up_is_not_noticed(fine, coarse)

    return check


def down(kind):
    def check():
        for fine, coarse in carried.CASES:
            if type(fine) is kind:
                carried.test_going_down_is_not_noticed(fine, coarse)

    return check


def rates():
    for case in rate.CASES:
        rate.test_rates(*case)


def dense_bfgs():
    for memory in (1, 3, 30):
        for w in (None, lbfgs.weights()):
            lbfgs.test_direction_is_that_of_dense_bfgs(lbfgs.Rosenbrock(12), memory, w)


def not_finite(module):
    def check():
        for unfit in ({"value": np.nan}, {"value": -np.inf}, {"value": None}):
            module.test_trials_that_are_not_finite_are_survived(unfit)

    return check


def rejected():
    everywhere = lambda x0: lambda x: not np.array_equal(x, x0)  # noqa: E731
    lbfgs.test_rejected_steps_keep_every_bit(everywhere, np.nan, np.float64)


def pairs_that_count():
    for mark in lbfgs.test_pairs_that_count.pytestmark:
        for case in mark.args[1]:
            lbfgs.test_pairs_that_count(*case)


def subproblem():
    for spectrum in lsr1.SPECTRA.values():
        for g in lsr1.GRADIENTS.values():
            for radius in (0.1, 30.0):
                lsr1.test_subproblem_fulfils_the_conditions_of_a_global_minimum(spectrum, g, radius)


def models():
    for kind in lsr1.KINDS:
        for w in (np.ones(12), lsr1.weights()):
            lsr1.test_model_is_that_of_dense_updates(kind, w)


def minimisers():
    for kind in lsr1.KINDS:
        for radius in (0.01, 1.0, 1e4):
            lsr1.test_step_is_the_minimiser_in_the_ball(kind, lsr1.weights(), radius)


def radii():
    for mark in lsr1.test_radius_follows_the_ratio.pytestmark:
        for case in mark.args[1]:
            lsr1.test_radius_follows_the_ratio(*case)


def thresholds():
    proximal.test_step_minimises_penalty_plus_distance(proximal.weights(8), np.float64)


def lasso():
    for measure in ("time", "layers"):
        proximal.test_lasso_is_the_same_functional_on_all_levels(measure)


def scaled():
    for method in ("CG", "Nelder-Mead"):
        scipy_tests.test_a_step_is_what_scipy_does_in_scaled_variables(method)


limits = scipy_tests.test_number_of_iterations_and_options_are_handed_on
kinds = carried.test_vectors_of_each_kind_in_the_euclidean_metric
levels = rate.test_rates_of_levels_are_powers_of_the_factor
interior = lsr1.test_radius_does_not_grow_for_steps_inside
best_seen = scipy_tests.test_a_step_ends_at_the_best_point_seen
one_out = lsr1.test_a_pair_that_says_nothing_new_drives_no_other_out
radius_goes = lsr1.test_pairs_and_radius_go_up_and_down
FIRST = "mgopt.optimizers.first_order"
SCIPY = "mgopt.optimizers.scipy_minimize"
RMS = "mgopt.optimizers.rmsprop"
L1 = "mgopt.optimizers.proximal"
SUB = "mgopt.optimizers.trust_subproblem"
MUTATIONS = [
    # ---- first order
    (FIRST, "velocity *= self.momentum\n", "velocity *= 0\n", textbook(Momentum)),
    (FIRST, "-alpha * self.momentum, state.v", "-alpha, state.v", textbook(Nesterov)),
    (FIRST, "            _core.axpy(-alpha, state.gradient, x)\n", "", textbook(Nesterov)),
    (FIRST, "fine.velocity[:] = carrier.gradient_up(coarse.velocity)", "pass", up(Momentum)),
    (FIRST, "gradient_down(fine.velocity)", "point_down(0 * fine.velocity)", down(Momentum)),
    ("mgopt.optimizers.adam", "alpha * self.weight_decay", "self.weight_decay", textbook(AdamW)),
    ("mgopt.optimizers.adam", "        self._decay(alpha, x, state)\n", "", textbook(AdamW)),
    (
        "mgopt.optimizers.adam",
        "        state.steps += 1\n",
        "        state.steps = 1\n",
        textbook(Adam),
    ),
    ("mgopt.optimizers.adam", "second, fine.steps)", "second, 0)", down(Adam)),
    ("mgopt.optimizers.adam", "(np.sqrt(fine.second_moment)) ** 2", "(fine.second_moment)", kinds),
    ("mgopt.optimizers.adam", "        fine.steps = coarse.steps\n", "", up(Adam)),
    (RMS, "np.sqrt(s, out=scratch)", "np.copyto(scratch, s)", textbook(RMSprop)),
    (RMS, "scratch *= 1 - self.decay", "scratch *= 1", textbook(RMSprop)),
    (RMS, "        scratch += self.epsilon\n", "", textbook(RMSprop)),
    (RMS, "u *= self.momentum", "u *= 0", textbook(RMSprop)),
    (
        "mgopt.optimizers.rmsprop",
        "state.velocity[:] = carrier.point_down(fine.velocity)",
        "pass",
        down(RMSprop),
    ),
    (RMS, "fine.velocity[:] = carrier.point_up", "carrier.point_up", up(RMSprop)),
    # ---- rates
    ("mgopt.optimizers.learning_rate", "step // self.every", "(step + 1) // self.every", rates),
    ("mgopt.optimizers.learning_rate", "(step + 1) / (self.steps + 1)", "step / self.steps", rates),
    (
        "mgopt.optimizers.learning_rate",
        "rate_at(self.after, step - self.steps)",
        "rate_at(self.after, step)",
        rates,
    ),
    ("mgopt.optimizers.learning_rate", "math.pi * share)) / 2", "math.pi * share))", rates),
    ("mgopt.optimizers.learning_rate", "factor**l, rate", "factor * l + 1, rate", levels),
    # ---- L-BFGS
    ("mgopt.optimizers.lbfgs", "in reversed(state.pairs)", "in state.pairs", dense_bfgs),
    ("mgopt.optimizers.lbfgs", "newest = state.pairs[-1]", "newest = state.pairs[0]", dense_bfgs),
    ("mgopt.optimizers.lbfgs", "alpha - beta, pair.s", "alpha + beta, pair.s", dense_bfgs),
    ("mgopt.optimizers.lbfgs", "state.metric.to_primal(d, d)\n", "pass\n", dense_bfgs),
    (
        "mgopt.optimizers.lbfgs",
        "            return _reject(fx, state)\n        s, y",
        "        s, y",
        rejected,
    ),
    ("mgopt.optimizers.lbfgs", "value = math.inf\n", "pass\n", not_finite(lbfgs)),
    ("mgopt.optimizers.lbfgs", "if curvature > noise", "if curvature > 0", pairs_that_count),
    (
        "mgopt.optimizers.lbfgs",
        "carrier.derivative_up(pair.y)",
        "carrier.point_up(pair.y)",
        up(LBFGS),
    ),
    ("mgopt.optimizers.lbfgs", "derivative_down(pair.y)", "point_down(pair.y)", down(LBFGS)),
    (
        "mgopt.optimizers.lbfgs",
        "        coarse.learnt = 0\n        for pair",
        "        for pair",
        lbfgs.test_only_new_pairs_go_up_and_only_once,
    ),
    (
        "mgopt.optimizers.lbfgs",
        "            state.pairs.clear()\n            return _reject",
        "            return _reject",
        lbfgs.test_failed_search_forgets_the_pairs_and_the_next_step_is_the_steepest_descent,
    ),
    (
        "mgopt.optimizers.lbfgs",
        "min(1.0, self.first_move / largest)",
        "1.0",
        lbfgs.test_first_direction_is_the_gradient_in_the_metric_of_bounded_length,
    ),
    (
        "mgopt.optimizers.lbfgs",
        "return False  # shorter",
        "pass  # shorter",
        lbfgs.test_steps_lost_in_rounding_are_not_tried,
    ),
    # ---- L-SR1
    (SUB, "eigenvalues + max(0.0, -least)", "eigenvalues", subproblem),
    (
        "mgopt.optimizers.trust_subproblem",
        "if least < 0:\n            step",
        "if False:\n            step",
        subproblem,
    ),
    ("mgopt.optimizers.sr1_model", "r -= (c @ psi_s[:, j])", "r += (c @ psi_s[:, j])", models),
    ("mgopt.optimizers.sr1_model", "not known and", "", models),
    ("mgopt.optimizers.sr1_model", "- sigma * (memory.sz + memory.sz.T)", "", models),
    (
        "mgopt.optimizers.sr1_model",
        "self.basis @ (step[:-1] - scale * parallel)",
        "self.basis @ step[:-1]",
        minimisers,
    ),
    ("mgopt.optimizers.sr1_model", "- float(parallel @ parallel)", "", minimisers),
    ("mgopt.optimizers.lsr1", "state.radius = 0.5 * length", "pass", radii),
    ("mgopt.optimizers.lsr1", "and length > 0.8 * state.radius", "", interior),
    ("mgopt.optimizers.lsr1", "state.radius *= 2", "state.radius *= 4", radii),
    ("mgopt.optimizers.lsr1", "if ratio > self.acceptance", "if ratio > -2", radii),
    (
        "mgopt.optimizers.lsr1",
        "state.radius = 0.1 * length\n                continue",
        "pass",
        not_finite(lsr1),
    ),
    ("mgopt.optimizers.lsr1", "carrier.gradient_up(z)", "carrier.gradient_up(z / 2)", up(LSR1)),
    (
        "mgopt.optimizers.lsr1",
        "        coarse.radius = fine.radius\n",
        "",
        lsr1.test_pairs_and_radius_go_up_and_down,
    ),
    ("mgopt.optimizers.lsr1", "            memory.trim()\n", "", one_out),
    # ---- L1, SciPy
    (
        "mgopt.optimizers.proximal",
        "np.multiply(state.thresholds, alpha,",
        "np.multiply(state.thresholds, 1,",
        thresholds,
    ),
    (
        "mgopt.optimizers.proximal",
        "metric.to_primal(self._weights, out)",
        "out[:] = self._weights",
        thresholds,
    ),
    (L1, "np.copysign(shrunk, x, out=x)", "np.copyto(x, shrunk)", thresholds),
    (SCIPY, "{**defaults, **self.options}", "{**self.options}", limits),
    (SCIPY, "if value < self.best_value:", "if True:", best_seen),
    (SCIPY, "return value, slope if", "return value, -slope if", scaled),
    (SCIPY, "(u / self._scale)", "(u * self._scale)", scaled),
    ("resnet.regularizers.lasso", "stack.dt if self", "1.0 if self", lasso),
    ("resnet.regularizers.lasso", "else finest / net.depth", "else 1.0", lasso),
]


def title(row):
    name, old, new, _ = row
    return f"{name.split('.')[1]}: {old.strip()} -> {new.strip()}"


@pytest.mark.parametrize("row", MUTATIONS, ids=title)
def test_mutation_is_noticed(row, monkeypatch):
    name, old, new, check = row
    check()
    mutate(monkeypatch, name, old, new)
    with np.errstate(all="ignore"), pytest.raises(Exception):  # noqa: B017
        check()
