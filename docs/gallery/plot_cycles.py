"""
Levels and cycles
=================

A hierarchy of networks, and the ways in which a method can visit its levels.
"""

# %%
# A hierarchy
# -----------
#
# Every level has half the layers of the one above it, and steps that are twice as long. So a
# gradient costs half as much, and all coarse levels together cost as much as the finest.

import matplotlib.pyplot as plt
import numpy as np

import mgres

X, y, *_ = mgres.datasets.circles(seed=0)
net = mgres.ResNet(n_inputs=2, width=2, n_outputs=2, depth=2048)
f = mgres.ResNetObjective(net, X, y)
hierarchy = mgres.resnet_hierarchy(f, levels=6)
ax = mgres.plot.hierarchy(hierarchy)

# %%
# The same parameters on three levels
# -----------------------------------
#
# Parameters are functions of t, and a level holds them on its own grid. Here those of a network of
# 64 layers, and their projections Π on 16 and 4 layers, broader and paler: means over the layers
# that a coarse one stands for.

fine = net.with_depth(64)
theta = np.zeros(fine.size, fine.dtype)
t = fine.dt * (np.arange(64) + 0.5)
entries = np.array([[np.sin(5 * t), 1 - t], [t * t - 1, np.cos(7 * t) / 2]])
fine.views(theta).W[:] = np.moveaxis(entries, -1, 0)
networks = {"64 layers": (fine, theta)}
for depth in (16, 4):
    coarse = fine.with_depth(depth)
    x = np.empty(coarse.size, coarse.dtype)
    mgres.DepthTransfer(fine, coarse).project(theta, x)
    networks[f"{depth} layers"] = (coarse, x)
ax = mgres.plot.weights(networks)

# %%
# Cycles
# ------
#
# Numbers are the optimiser's steps: a V-cycle in the paper's notation, ``[(1), 1, 2, {2}]``, whose
# finest level takes one step on the way down and none on the way up; a W-cycle, which visits coarse
# levels more often; an F-cycle, between the two; and an additive cycle, whose levels answer one and
# the same gradient.

schedule = mgres.Schedule.parse("[(1), 1, 2, {2}]")
figure, axes = plt.subplots(2, 2, figsize=(8, 4), layout="constrained")
for ax, make in zip(
    axes.flat, (mgres.VCycle, mgres.WCycle, mgres.FCycle, mgres.AdditiveCycle), strict=True
):
    cycle = make(schedule)
    mgres.plot.cycle(cycle, ax)
    ax.set_title(f"{make.__name__}: {cycle.work_units():.3g} work units", fontsize=10)

# %%
# Nested iteration
# ----------------
#
# Full multigrid begins on the coarsest level; double lines prolong the point itself, single ones
# are corrections.

ax = mgres.plot.cycle(mgres.FullMultigrid(), levels=4)

# %%
# What :func:`mgres.fit` does by default is a cascade of networks whose layers imitate those of the
# finest one, which is asked when to go up. :func:`mgres.recommended` returns it with its hierarchy.

recipe = mgres.recommended(f)
ax = mgres.plot.cycle(recipe)

# %%

ax = mgres.plot.hierarchy(recipe.hierarchy)
