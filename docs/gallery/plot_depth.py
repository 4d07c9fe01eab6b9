"""
A flow map that needs depth
===========================

Most data sets are solved by a handful of layers. The flow of a Hamiltonian system is not: it
keeps the volume of phase space, and a network of few layers cannot. This is :doc:`/science` in
small.
"""

# %%
# The system
# ----------
#
# A star moves in the plane of a galaxy (Hénon and Heiles 1964). From position and momentum now,
# the network predicts those after half a period. Its layers have antisymmetric weights: such a
# field has no divergence, so the *ODE* keeps volume as the true flow does. An Euler step does
# not: with eigenvalues :math:`\pm i \mu` of the step's matrix it expands by :math:`\prod (1 + h^2
# \mu^2) > 1`, whatever its parameters are.

import matplotlib.pyplot as plt
import numpy as np

import mgres

X, Y, X_val, Y_val = mgres.datasets.henon_heiles(seed=0, n_train=300, dtype=np.float64)


def train(depth, steps=2500):
    """Train the blocks of a network by L-BFGS, from a start that is smooth in t."""
    net = mgres.ResNet(
        *(4, 4, 4, depth),
        final_time=10.0,
        activation="tanh",
        dtype=np.float64,
        weights="antisymmetric",
    )
    theta = net.init(0, coarse_depth=8, scale=0.1)
    views = net.views(theta)
    views.Q[:] = views.W_out[:] = np.eye(4)
    views.b_out[:] = 0
    f = mgres.ResNetObjective(net, X, Y, loss="squared_error", fixed=("opening", "closing"))
    hierarchy = mgres.resnet_hierarchy(f, 1, optimizer=mgres.LBFGS(), metric="time")
    cycle = mgres.VCycle(mgres.Schedule.paper(1))
    return net, mgres.fit(f, theta, hierarchy=hierarchy, cycle=cycle, max_cycles=steps)


def expansion(net, theta, points):
    """Return the mean logarithm of the factor by which the layers expand volume."""
    views, y, total = net.views(theta), points.copy(), 0.0
    for W, b in zip(views.W, views.b, strict=True):
        A = (W - W.T) / 2
        slope = 1 / np.cosh(y @ A.T + b) ** 2
        jacobian = np.eye(4) + net.dt * slope[:, :, None] * A
        total += np.log(np.linalg.det(jacobian)).mean()
        y = y + net.dt * np.tanh(y @ A.T + b)
    return total


depths = [8, 16, 32, 64, 128]
trained = {depth: train(depth) for depth in depths}
expanded = {depth: expansion(net, run.theta, X_val[:100]) for depth, (net, run) in trained.items()}
for depth, (net, run) in trained.items():
    error = np.mean(np.sum((net.logits(run.theta, X_val) - Y_val) ** 2, axis=1)) / 2
    print(
        f"{depth:4} layers: training loss {run.history[-1].loss:.1e}, validation {error:.1e}, "
        f"log of expansion {expanded[depth]:.3f}"
    )

# %%
# Depth pays
# ----------
#
# After the same number of steps the deeper networks are closer, and they expand less: they have
# what the shallow ones have to avoid by saturating some of their coordinates.

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for depth, (_, run) in trained.items():
    left.semilogy([record.loss for record in run.history], label=f"{depth} layers")
left.set(xlabel="step of L-BFGS", ylabel="loss", title="300 trajectories")
left.legend()
right.loglog(depths, list(expanded.values()), "o-")
right.set_xscale("log", base=2)
right.set(xlabel="layers", ylabel="log of the volume's expansion", title="after training")

# %%
# Where the images lie
# --------------------
#
# Ends of validation trajectories in the plane of positions, and where 8 and 128 layers put them.

fig, axes = plt.subplots(1, 2, figsize=(8, 3.8), sharex=True, sharey=True, layout="constrained")
for ax, depth in zip(axes, (8, 128), strict=True):
    net, run = trained[depth]
    predicted = net.logits(run.theta, X_val[:150])
    ax.plot(
        *np.stack([Y_val[:150, :2], predicted[:, :2]], axis=1).transpose(2, 1, 0), "0.6", lw=0.8
    )
    ax.plot(*predicted[:, :2].T, ".", markersize=4)
    ax.set(title=f"{depth} layers", xlabel="first position", aspect="equal")
axes[0].set_ylabel("second position")
