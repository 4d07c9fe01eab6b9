"""
A convolutional network of PyTorch, trained by levels
=====================================================

The engine of mgres does not care who computes the gradient.  Here it trains a residual network of
PyTorch's own modules: a convolution, 64 residual blocks of normalisation, convolution and tanh on
8 x 8 images with 8 channels, and a linear classifier.  A cascade of networks of 4, 8, 16, 32 and 64
blocks, which carries parameters and the memory of L-BFGS upwards, needs a third of the work that
the best training of the deep network alone needs.

Work is counted in units of one gradient of the 64-block network, line searches included.  With
1,000 training images and 5 seeds (``MGRES_EXAMPLE=full``; this page shows one seed and fewer
images), to a training loss of 0.001, medians with the least and the most:

==========================  ===================  ===================
method                      work units           validation accuracy
==========================  ===================  ===================
one level, Adam(0.03)       112 [56, 1 missed]   0.964
one level, L-BFGS           27.0 [25.0, 33.0]    0.967
V-cycle, L-BFGS             76.3 [54.6, 85.9]    0.958
cascade, L-BFGS             8.6 [6.5, 10.6]      0.958
``mgres.recommended``       10.4 [8.4, 11.7]     0.967
==========================  ===================  ===================

The rate of Adam is the best of 0.003, 0.01 and 0.03 on another seed.  The paper's V-cycle does not
pay here, and these images can be told apart by far fewer layers: the example shows how to, not that
one should.
"""

# %%
# The network
# -----------
# A block returns the residual alone; the step from block to block is
# :math:`y_{k+1} = y_k + \Delta t\, block(y_k)` with :math:`\Delta t = T / K`.  (For blocks that add
# their input themselves there is :class:`mgres.torch.WithoutSkip`.)  GroupNorm takes the place of
# BatchNorm, whose statistics belong to one depth and would make every value depend on all samples.

import os
import statistics

import torch
from torch import nn

import mgres
from mgres.torch import TorchObjective, TorchResNet

# layers, training images, seeds, most work units, learning rates of Adam to choose from
SIZES = {
    "test": (8, 40, 1, 30.0, [0.01]),
    "page": (64, 300, 1, 40.0, [0.03]),
    "full": (64, 1000, 5, 150.0, [0.003, 0.01, 0.03]),
}
DEPTH, IMAGES, SEEDS, MOST_WORK, RATES = SIZES[os.environ.get("MGRES_EXAMPLE", "page")]
COARSEST, T, CHANNELS = 4, 4.0, 8
TARGET = 1e-3

torch.set_num_threads(1)


class Block(nn.Module):
    """The residual of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, CHANNELS)
        self.convolution = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        """Return what is added to y, times the step size."""
        return torch.tanh(self.convolution(self.norm(y)))


def make(seed: int):
    """Return the objective, validation images and labels, and a start that is smooth in t."""
    torch.manual_seed(seed)
    stem = nn.Conv2d(1, CHANNELS, 3, padding=1)
    blocks = nn.ModuleList(Block() for _ in range(DEPTH))
    head = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16 * CHANNELS, 10))
    net = TorchResNet(stem, blocks, head, final_time=T)
    X, y, X_val, y_val = mgres.datasets.digits(seed)
    f = TorchObjective(net, X.reshape(-1, 1, 8, 8)[:IMAGES], y[:IMAGES])
    return f, (X_val.reshape(-1, 1, 8, 8), y_val), net.init(coarse_depth=COARSEST)


# %%
# The levels
# ----------
# Coarse networks share the modules' code and have fewer blocks and longer steps.

f, validation, start = make(seed=0)
levels = (DEPTH // COARSEST).bit_length()
print(mgres.resnet_hierarchy(f, levels, optimizer=mgres.LBFGS(), metric="time"))

# %%
# A single level, as good as it gets
# ----------------------------------
# Every method gets the same start.  L-BFGS has no learning rate; that of Adam is chosen on a seed
# that is not used afterwards.


def single(f, optimizer):
    """Return the options of `fit` for the deep network alone."""
    return {"hierarchy": mgres.resnet_hierarchy(f, 1, optimizer=optimizer, metric="time")}


def cascade(f):
    """Return the options of `fit` for one level after the other."""
    return {
        "hierarchy": mgres.resnet_hierarchy(f, levels, optimizer=mgres.LBFGS(), metric="time"),
        "cycle": mgres.Cascade(),
    }


def v_cycle(f):
    """Return the options of `fit` for the paper's cycle, with L-BFGS and a line search."""
    return {
        "hierarchy": mgres.resnet_hierarchy(f, levels, optimizer=mgres.LBFGS(), metric="time"),
        "cycle": mgres.VCycle(
            mgres.Schedule.paper(levels), line_search=mgres.Armijo(), state="keep"
        ),
    }


def train(problem, options):
    """Train from the problem's start until the goal or the limit of work is reached."""
    f, validation, start = problem
    return mgres.fit(
        f,
        start,
        **options(f),
        validation=validation,
        target_loss=TARGET,
        max_work_units=MOST_WORK,
        max_cycles=10_000,
    )


def reached(result):
    """Return the work to the goal, or infinity."""
    return result.work_units if result.stopped == "loss" else float("inf")


def quality(result):
    """Sort by the work to the goal, and by the loss where it was not reached."""
    return reached(result), result.history[-1].loss


trials = {}
if len(RATES) > 1:
    for rate in RATES:
        trials[rate] = train(make(seed=100), lambda f, rate=rate: single(f, mgres.Adam(rate)))
        print(
            f"Adam, {rate:g}: {trials[rate].work_units:.1f} units, "
            f"loss {trials[rate].history[-1].loss:.1e}"
        )
best_rate = min(trials, key=lambda rate: quality(trials[rate])) if trials else RATES[0]

methods = {
    f"one level, Adam({best_rate:g})": lambda f: single(f, mgres.Adam(best_rate)),
    "one level, L-BFGS": lambda f: single(f, mgres.LBFGS()),
    "V-cycle, L-BFGS": v_cycle,
    "cascade, L-BFGS": cascade,
    "mgres.recommended": lambda f: {},
}

# %%
# Side by side
# ------------

runs = {name: [] for name in methods}
for seed in range(SEEDS):
    problem = make(seed)
    for name, options in methods.items():
        runs[name].append(train(problem, options))

print(f"work units to a loss of {TARGET:g}, inf where that took more than {MOST_WORK:g};")
print(f"{DEPTH} layers, {IMAGES} images, {SEEDS} seed(s)")
for name, results in runs.items():
    work = [reached(result) for result in results]
    seconds = statistics.median(result.history[-1].seconds for result in results)
    accuracy = statistics.median(result.history[-1].accuracy for result in results)
    print(
        f"{name:24} {statistics.median(work):6.1f} [{min(work):.1f}, {max(work):.1f}]"
        f"  {seconds:6.1f} s  validation accuracy {accuracy:.3f}"
    )

# %%
# Losses of the cascade before its last level are those of coarse networks.

ax = mgres.plot.convergence(runs, x="work_units", y="loss")
ax.axhline(TARGET, color="gray", linestyle=":")
ax.set_xlim(0, 30)

# %%
# The result is PyTorch's
# -----------------------
# `load` writes the parameters into the modules, and `module` is an ``nn.Module`` of them.

f, (X_val, y_val), _ = problem
f.net.load(runs["cascade, L-BFGS"][-1].theta)
classes = f.net.module()(torch.from_numpy(X_val)).argmax(1).numpy()
print(f"{(classes == y_val).mean():.3f} of the validation images are recognised")
