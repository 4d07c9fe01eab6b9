"""
Who moved?
==========

A loss that falls does not show that the layers were trained. On circles with the paper's setting
they hardly are: what moves is the opening and the classifier, which all levels share.
"""

# %%
# The paper's setting
# -------------------
#
# Gradient descent in the Euclidean metric. The derivative of the loss by a layer is proportional to
# the step size :math:`\Delta t = 1/2048`, because a single layer hardly matters; opening and
# classifier have no such factor.

import mgres

X, y, X_val, y_val = mgres.datasets.circles(seed=0)
net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=2048)
start = net.init(seed=0)
goal = {"validation": (X_val, y_val), "target_accuracy": 1.0, "max_cycles": 400}

f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-4))
one = mgres.fit(f, start, levels=1, **goal)
eight = mgres.fit(f, start, levels=8, **goal)

# %%
# The metric of L²(0, T)
# ----------------------
#
# There a gradient is divided by :math:`\Delta t` before it becomes a step. Parameters are functions
# of t, and how fast they move does not depend on the number of layers.

in_time = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-4, measure="time"))
hierarchy = mgres.resnet_hierarchy(in_time, levels=8, metric="time")
time = mgres.fit(in_time, start, hierarchy=hierarchy, **goal)

runs = {
    "one level, Euclidean metric": one,
    "eight levels, Euclidean metric": eight,
    "eight levels, metric of L²(0, T)": time,
}
for label, run in runs.items():
    last = run.history[-1]
    print(f"{label}: {last.cycle} cycles, {run.work_units:.1f} WU, accuracy {last.accuracy:.3f}")

# %%
# How far every layer moved
# -------------------------
#
# Relative changes of the layers over t, with the opening and the closing beside them, on a
# logarithmic axis.

ax = mgres.plot.moved(net, start, {label: run.theta for label, run in runs.items()})
ax.figure.set_size_inches(6.4, 4)
legend = ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False)

# %%
# In the Euclidean metric the layers move a hundred times less than the opening on one level, and
# thirty times less with eight: the network is a random one with trained ends. That is why freezing
# the layers costs the single level nothing (:doc:`/reproduction` has the numbers), and it is a
# reason to look at such a picture before believing one of convergence.
