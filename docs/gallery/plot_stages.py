"""
Convolutions in stages
======================

Deep networks for images have stages, from large images of few channels to small ones of many. Here
each stage is an ODE of its own, and coarse networks take layers out of all of them alike; see
:doc:`/stages`.
"""

# %%
# The network
# -----------
#
# Handwritten digits of 8 x 8 pixels pass 64 layers of 4 channels, and 64 of 8 channels on a quarter
# of the pixels. Between them is a convolution in steps of two pixels, behind them a full matrix.

import matplotlib.pyplot as plt
import numpy as np

import mgres

X, y, X_val, y_val = mgres.datasets.digits(seed=0)
net = mgres.stages.convolutional((1, 8, 8), 10, depth=64, channels=(4, 8), activation="tanh")
f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-4, "time"))

# %%
# Training
# --------
#
# The method trains networks of 2 x 16 layers first and asks the deep network what that is worth;
# the loss below is the deep one's.

result = mgres.fit(f, validation=(X_val, y_val), max_work_units=15, seed=0)
print(f"validation accuracy {net.accuracy(result.theta, X_val, y_val):.3f}")

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
mgres.plot.convergence(result, ax=left)
mgres.plot.moved(net, net.init(0, coarse_depth=16), result.theta, ax=right)

# %%
# What the filters became
# -----------------------
#
# Filters are functions of t. Left a kernel from one channel to another at the beginning and the end
# of the first stage, right the entries of the mean kernel over t: they are constant on sixteenths
# of the time, because the networks of 16 layers did all of this work.

W = net.views(result.theta).stacks[0].W
fig, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
limit = np.abs(W[[0, -1], 0, 0]).max()
for ax, k in zip(axes, (0, -1), strict=False):
    ax.imshow(W[k, 0, 0], cmap="RdBu", vmin=-limit, vmax=limit)
    ax.set_title("first layer" if k == 0 else "last layer")
    ax.set_xticks([])
    ax.set_yticks([])
t = net.stacks[0].dt * np.arange(64)
axes[2].plot(t, W.mean(axis=(1, 2)).reshape(64, -1), drawstyle="steps-post", linewidth=1)
axes[2].set_xlabel("t")
axes[2].set_ylabel("entries of the mean kernel")

# %%
# What the digits became
# ----------------------
#
# The channels of the last state of each stage, for one digit.

states = [net.states(result.theta, X_val[:1], i)[-1, 0] for i in range(2)]
fig, axes = plt.subplots(2, 8, figsize=(9, 2.6), layout="constrained")
for row, state, stack in zip(axes, states, net.stacks, strict=True):
    images = state.reshape(stack.state_shape)
    for ax in row:
        ax.axis("off")
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image, cmap="gray")

plt.show()
