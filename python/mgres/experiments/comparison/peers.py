"""The same network trained by PyTorch and JAX: same data, batches, start and stopping.

Their work is counted in gradients, a line search's included.  Time for compiling is not counted.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import Antisymmetric, Dense
from ...parallel import get_num_threads
from ...resnet.network import Array
from .problem import Problem
from .single import Settings, grid, starts
from .trial import Trial


def installed(package: str) -> bool:
    """Return whether a package can be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


SIGMAS = ("relu", "tanh", "logistic")


def knows(problem: Problem) -> bool:
    """Return whether the networks below are those of `problem`."""
    block = problem.layers
    plain = isinstance(block, Dense | Antisymmetric) and block.norm is None and not block.paced
    return plain and block.activation in SIGMAS


def adam_grid(problem: Problem, quick: bool) -> list[Settings]:
    """Return the settings of `single/adam`."""
    return grid(problem, "adam", quick) if knows(problem) else []


def torch_lbfgs_grid(problem: Problem, quick: bool) -> list[Settings]:
    """Return memories and starts; the steps are those of a strong Wolfe line search."""
    if not knows(problem):
        return []
    memories = (30,) if quick else (10, 30)
    return [{"memory": m, "start": start} for m in memories for start in starts(problem, quick)]


# ---- PyTorch -------------------------------------------------------------------------------------


def torch_adam(trial: Trial, settings: Settings) -> None:
    """`torch.optim.Adam` on the network in eager mode."""
    import torch

    network = TorchNetwork(trial, settings["start"])
    optimizer = torch.optim.Adam(network.trained, lr=settings["learning_rate"])
    for _ in trial.batches():
        optimizer.zero_grad(set_to_none=True)
        trial.require_finite(network.gradient())
        optimizer.step()
        trial.at(network.theta())


def torch_lbfgs(trial: Trial, settings: Settings) -> None:
    """`torch.optim.LBFGS` with its strong Wolfe line search; one iteration a batch."""
    import torch

    network = TorchNetwork(trial, settings["start"])
    full = trial.problem.batch_size is None
    optimizer: Any = torch.optim.LBFGS(
        network.trained,
        max_iter=10**9 if full else 1,
        max_eval=10**9,
        tolerance_grad=0,
        tolerance_change=0,
        history_size=settings["memory"],
        line_search_fn="strong_wolfe",
    )

    def closure() -> Any:
        optimizer.zero_grad(set_to_none=True)
        value = network.gradient()
        if full:  # no other place to look at the points on the way
            trial.at(network.theta())
        return torch.tensor(value)

    for _ in trial.batches():
        before = trial.work()
        optimizer.step(closure)
        trial.at(network.theta())
        if full and trial.work() - before < 2:  # it does not move any more
            return


class TorchNetwork:
    """The network of a trial in PyTorch, features first, all W_k as one tensor.

    It is the fastest of the formulations in ``bench/peers`` that need no compiler.
    """

    def __init__(self, trial: Trial, start: str) -> None:
        import torch

        torch.set_num_threads(get_num_threads())
        self._torch = torch
        self._trial = trial
        self._theta = trial.problem.start(trial.seed, start)
        parts = trial.net.views(self._theta)._asdict()
        self._leaves = {k: torch.from_numpy(v.copy()) for k, v in parts.items()}
        learning = _learning(trial)
        self.trained = [self._leaves[k].requires_grad_() for k in parts if k in learning]
        self._sigma = {
            "relu": torch.relu_,
            "tanh": torch.tanh_,
            "logistic": torch.sigmoid_,
        }[trial.net.activation]
        self._seen: NDArray[Any] | None = None

    def gradient(self) -> float:
        """Compute the gradient of the objective on the batch in use; return the objective."""
        if self._trial.f.samples.X is not self._seen:
            self._seen = self._trial.f.samples.X
            self._columns = self._torch.from_numpy(self._seen).t().contiguous()
            self._targets = self._torch.from_numpy(self._trial.f.samples.y)
        value = self._objective()
        value.backward()
        self._trial.count(1)
        result = float(value.detach())
        self._trial.know(result)
        return result

    def _objective(self) -> Any:
        torch, net = self._torch, self._trial.net
        Q, W, b, W_out, b_out = self._leaves.values()
        h = Q @ self._columns
        used = W if net.weights == "free" else (W - W.transpose(1, 2)) / 2
        if net.damping:
            used = used - net.damping * torch.eye(net.width, dtype=W.dtype)
        for weights, bias in zip(used.unbind(), b[:, :, None].unbind(), strict=True):
            h = torch.add(h, self._sigma(torch.addmm(bias, weights, h)), alpha=net.dt)
        z = torch.addmm(b_out[:, None], W_out, h).t()
        if self._trial.problem.loss == "cross_entropy":
            value = torch.nn.functional.cross_entropy(z, self._targets)
        else:
            value = (z - _as_vectors(self._targets, z)).square().sum() / (2 * len(z))
        blocks, closing = _penalties(self._trial)
        if blocks:
            value = value + blocks * (W.square().sum() + b.square().sum())
        if closing:
            value = value + closing * (W_out.square().sum() + b_out.square().sum())
        return value

    def theta(self) -> Array:
        """Return the parameters; looking at them takes no time of the run."""
        with self._trial.aside():
            for name, view in self._trial.net.views(self._theta)._asdict().items():
                view[...] = self._leaves[name].detach().numpy()
        return self._theta


# ---- JAX -----------------------------------------------------------------------------------------


def jax_adam(trial: Trial, settings: Settings) -> None:
    """Adam in JAX: `lax.scan` over the layers, gradient and update compiled as one function."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp

    theta = trial.problem.start(trial.seed, settings["start"])
    step = _jax_step(trial, settings["learning_rate"])
    learning = _learning(trial)
    parts = trial.net.views(theta)._asdict()
    p = {k: jnp.asarray(v) for k, v in parts.items()}
    moments = {k: (jnp.zeros_like(p[k]), jnp.zeros_like(p[k])) for k in p if k in learning}
    size = trial.problem.batch_size
    X, y = trial.f.samples.X[:size], trial.f.samples.y[:size]
    finished: Any = jax.block_until_ready
    finished(step(p, moments, 1.0, X, y))  # compiles it
    seen: NDArray[Any] | None = None
    for t, _ in enumerate(trial.batches(), start=1):
        if trial.f.samples.X is not seen:
            seen = trial.f.samples.X
            columns, targets = jnp.asarray(seen), jnp.asarray(trial.f.samples.y)
        p, moments, value = step(p, moments, float(t), columns, targets)
        trial.count(1)
        trial.require_finite(float(value))
        trial.know(float(value))
        with trial.aside():
            for name, view in parts.items():
                view[...] = np.asarray(p[name])
        trial.at(theta)


def _jax_step(trial: Trial, rate: float) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    net, cross_entropy = trial.net, trial.problem.loss == "cross_entropy"
    sigma = {"relu": jax.nn.relu, "tanh": jnp.tanh, "logistic": jax.nn.sigmoid}[net.activation]
    blocks, closing = _penalties(trial)

    def layer(h: Any, parameters: Any) -> Any:
        W, b = parameters
        return h + net.dt * sigma(W @ h + b[:, None]), None

    def objective(learnt: Any, given: Any, X: Any, y: Any) -> Any:
        p = {**given, **learnt}
        used = p["W"]
        if net.weights != "free":
            used = (used - used.transpose(0, 2, 1)) / 2
            used -= net.damping * jnp.eye(net.width, dtype=used.dtype)
        h, _ = jax.lax.scan(layer, p["Q"] @ X.T, (used, p["b"]))
        z = (p["W_out"] @ h + p["b_out"][:, None]).T
        if cross_entropy and y.ndim == 1:
            value = -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()
        elif cross_entropy:
            value = -(y * jax.nn.log_softmax(z)).sum(axis=1).mean()
        else:
            targets = jax.nn.one_hot(y, z.shape[1]) if jnp.issubdtype(y.dtype, jnp.integer) else y
            value = ((z - targets.reshape(z.shape)) ** 2).sum() / (2 * len(z))
        value += blocks * ((p["W"] ** 2).sum() + (p["b"] ** 2).sum())
        return value + closing * ((p["W_out"] ** 2).sum() + (p["b_out"] ** 2).sum())

    def step(p: Any, moments: Any, t: Any, X: Any, y: Any) -> Any:
        learnt = {k: p[k] for k in moments}
        given = {k: v for k, v in p.items() if k not in moments}
        value, gradient = jax.value_and_grad(objective)(learnt, given, X, y)
        p, moments = dict(p), dict(moments)
        for k, g in gradient.items():
            m, s = moments[k]
            m = 0.9 * m + 0.1 * g
            s = 0.999 * s + 0.001 * g * g
            moments[k] = m, s
            p[k] -= rate * (m / (1 - 0.9**t)) / (jnp.sqrt(s / (1 - 0.999**t)) + 1e-8)
        return p, moments, value

    compiled: Callable[..., Any] = jax.jit(step)
    return compiled


# ---- what both share -----------------------------------------------------------------------------


def _learning(trial: Trial) -> set[str]:
    """Return the names of the parts that are trained."""
    parts = {"opening": ("Q",), "blocks": ("W", "b"), "closing": ("W_out", "b_out")}
    return {name for part, names in parts.items() if part not in trial.f.fixed for name in names}


def _penalties(trial: Trial) -> tuple[float, float]:
    """Return the factors of the squared norms of blocks and classifier."""
    if trial.problem.regularizer is None:
        return 0.0, 0.0
    weights = trial.problem.regularizer.weights(trial.net, trial.net.depth)
    return weights["blocks"], weights["closing"]


def _as_vectors(targets: Any, z: Any) -> Any:
    import torch

    if targets.dtype == torch.int64:
        return torch.nn.functional.one_hot(targets, z.shape[1]).to(z.dtype)
    return targets.reshape(z.shape)
