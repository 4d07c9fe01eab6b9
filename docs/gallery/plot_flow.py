"""
How spirals come apart
======================

Two spirals wound around each other are taken apart by a network of 2,048 layers whose states have
two components only: what you see is all there is. The first operator is the identity and the
classifier asks on which side of a line a point has ended, so the layers have to do the work.
"""

# %%
# A network is a flow
# -------------------
#
# A layer moves every point a little, :math:`y_{k+1} = y_k + \Delta t\, \sigma(W_k y_k + b_k)`, a
# step of an ODE. A flow of the plane cannot cut a spiral; it has to unwind it. We keep the
# opening and the classifier fixed, ask for parameters that are smooth in t, and let
# :func:`mgres.fit` use its default recipe.

import matplotlib.pyplot as plt
import numpy as np

import mgres

X, y, X_val, y_val = mgres.datasets.spirals(seed=0)
net = mgres.ResNet(n_inputs=2, width=2, n_outputs=2, depth=2048, final_time=10.0, activation="tanh")
f = mgres.ResNetObjective(
    net,
    X,
    y,
    regularizer=[mgres.Tikhonov(1e-5, measure="time"), mgres.Smoothness(1e-3)],
    fixed=("opening", "closing"),
)

start = net.init(seed=8, coarse_depth=32, scale=0.3)
parts = net.views(start)
parts.Q[:] = np.eye(2)
parts.W_out[:] = [[-2, 0], [2, 0]]

result = mgres.fit(f, start, validation=(X_val, y_val), target_loss=0.01, max_seconds=15)
print(f"accuracy {net.accuracy(result.theta, X_val, y_val):.4f}")
print(f"{result.work_units:.1f} gradients of the deep network, {result.history[-1].seconds:.2f} s")

# %%
# Where the points go
# -------------------
#
# On the left are the regions that the network assigns to each class, in the plane of its inputs.
# The other panels show the samples after some of the layers; the background is what the classifier
# would say there.

figure, axes = plt.subplots(1, 5, figsize=(11, 2.5), layout="constrained")
mgres.plot.decision_regions(net, result.theta, X, y, ax=axes[0])
axes[0].set_title("what the network decides", fontsize=9)
axes[0].set_aspect("auto")
ax = mgres.plot.flow(net, result.theta, X, y, layers=[0, 700, 1400, 2048], ax=axes[1:])

# %%
# The same as lines, one for each sample.

ax = mgres.plot.flow(net, result.theta, X[::3], y[::3])

# %%
# As a film
# ---------
#
# :func:`mgres.plot.animate_flow` writes a GIF, or an MP4 where ffmpeg is installed:
#
# .. code-block:: python
#
#     mgres.plot.animate_flow(net, result.theta, X, y, "flow.gif")
#
# The picture at the head of the README is the first figure of this page; given a file name, this
# script saves it: ``python docs/gallery/plot_flow.py docs/images/flow.png``.


def save(path):
    """Save the first figure with a palette of 256 colours, which makes a small file."""
    from io import BytesIO

    from PIL import Image

    contents = BytesIO()
    figure.savefig(contents, dpi=150)
    with Image.open(contents) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    import sys

    if len(sys.argv) > 1:
        save(sys.argv[1])
