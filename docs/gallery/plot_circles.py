"""
Two circles, from the data to the picture
=========================================

A disc inside a ring, the paper's first problem: train a network of 2,048 layers, see how it
converges, what it decides and how.
"""

# %%
# Train
# -----
#
# Gradient descent on one level and the V-cycle with eight levels as in the paper, and what
# :func:`mgres.fit` does when nothing else is said. Three seeds each, because the initial parameters
# matter. The regulariser means the same for every number of layers with ``measure="time"``.

import matplotlib.pyplot as plt

import mgres

X, y, X_val, y_val = mgres.datasets.circles(seed=0)
net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=2048)
f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-4, measure="time"))
methods = {
    "one level": {"levels": 1},
    "eight levels": {"levels": 8},
    "recommended": {},
}
goal = {"validation": (X_val, y_val), "target_accuracy": 1.0}
runs = {
    label: [mgres.fit(f, **method, **goal, seed=seed) for seed in range(3)]
    for label, method in methods.items()
}
for label, seeds in runs.items():
    print(f"{label}: {', '.join(f'{run.work_units:.3g}' for run in seeds)} work units")

# %%
# Converge
# --------
#
# A work unit is a gradient of the 2,048-layer network. Lines are medians and bands go from the
# minimum to the maximum over seeds. The recommended run does almost all of its work on networks of
# few layers, so it has ended before the others have begun; a logarithmic axis shows it.

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
mgres.plot.convergence(runs, y="loss", ax=left)
mgres.plot.convergence(runs, y="accuracy", ax=right)
for ax in (left, right):
    ax.set_xscale("symlog", linthresh=0.01)
    ax.set_xlim(left=0)
right.get_legend().remove()

# %%
# Decide
# ------
#
# The regions that the network assigns to the two classes, paler where it is less certain.

theta = runs["recommended"][0].theta
ax = mgres.plot.decision_regions(net, theta, X, y)

# %%
# The same network cut off after some of its layers. At first all that it could do is draw a line;
# the ring closes late.

figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for ax, layer in zip(axes, (0, 683, 1365, 2048), strict=True):
    mgres.plot.decision_regions(net, theta, X, y, layer=layer, ax=ax)
    ax.title.set_fontsize(9)

# %%
# Flow
# ----
#
# The states have three components. They are shown in the plane in which the classifier tells the
# classes apart: to the right is towards the second class.

ax = mgres.plot.flow(net, theta, X, y, layers=[0, 683, 1365, 2048])
