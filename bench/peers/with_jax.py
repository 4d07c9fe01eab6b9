"""The network in JAX: `lax.scan` over the layers, jit and value_and_grad."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from .contestants import Contestant
from .problem import Problem

Parameters = tuple[Any, ...]


def configure(threads: int) -> None:
    """Tell XLA how many threads to use; before JAX is imported.

    `threads` CPU devices let the samples be shared out: XLA runs the products of one device one
    after the other, and those of narrow layers on one thread.
    """
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["NPROC"] = str(threads)
    flags = [os.environ.get("XLA_FLAGS", ""), f"--xla_force_host_platform_device_count={threads}"]
    if threads == 1:
        flags.append("--xla_cpu_multi_thread_eigen=false")
    os.environ["XLA_FLAGS"] = " ".join(flags).strip()


def contestants(problem: Problem, threads: int) -> Iterator[Contestant]:
    """Yield both layouts, and the faster one with its samples shared out over the threads."""
    import jax

    jax.config.update("jax_enable_x64", True)
    yield _contestant("jax", "JAX", problem, False, 1)
    yield _contestant("jax-features", "JAX (features first)", problem, True, 1)
    if threads > 1 and len(problem.X) % threads == 0:
        title = f"JAX (features first, {threads} devices)"
        yield _contestant("jax-devices", title, problem, True, threads)


def _contestant(
    key: str, title: str, problem: Problem, features_first: bool, devices: int
) -> Contestant:
    import jax
    import jax.numpy as jnp
    from jax.sharding import Mesh, NamedSharding
    from jax.sharding import PartitionSpec as Spec

    dt = problem.net.dt
    sigma = {"relu": jax.nn.relu, "tanh": jnp.tanh}[problem.net.activation]

    def samples_layer(h: Any, layer: Any) -> Any:
        W, b = layer
        return h + dt * sigma(h @ W.T + b), None

    def features_layer(h: Any, layer: Any) -> Any:
        W, b = layer
        return h + dt * sigma(W @ h + b[:, None]), None

    def loss(parameters: Parameters, X: Any, y: Any) -> Any:
        Q, W, b, W_out, b_out = parameters
        if features_first:
            h, _ = jax.lax.scan(features_layer, Q @ X.T, (W, b))
            z = (W_out @ h + b_out[:, None]).T
        else:
            h, _ = jax.lax.scan(samples_layer, X @ Q.T, (W, b))
            z = h @ W_out.T + b_out
        return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()

    mesh = Mesh(jax.devices()[:devices], ("samples",))
    own, shared = NamedSharding(mesh, Spec("samples")), NamedSharding(mesh, Spec())
    arguments = (
        jax.device_put(problem.parameters(), shared),
        jax.device_put(problem.X, own),
        jax.device_put(problem.y, own),
    )

    def on_one_device(*arguments: Any) -> Any:
        return jax.value_and_grad(loss)(*arguments)

    def on_all_devices(*arguments: Any) -> Any:
        """Average once at the end; left to itself, XLA does so after every layer."""

        def average(*arguments: Any) -> Any:
            return jax.lax.pmean(jax.value_and_grad(loss)(*arguments), "samples")

        specs = {"in_specs": (Spec(), Spec("samples"), Spec("samples")), "out_specs": Spec()}
        return jax.shard_map(average, mesh=mesh, **specs, check_vma=False)(*arguments)

    value_and_grad = jax.jit(on_one_device if devices == 1 else on_all_devices)

    def unpack(result: Any) -> tuple[float, Any]:
        return float(result[0]), problem.flat(result[1])

    return Contestant(key, title, lambda: jax.block_until_ready(value_and_grad(*arguments)), unpack)
