"""
A regression with the scikit-learn estimator
============================================

The estimators take part in whatever scikit-learn offers: pipelines, cross-validation, searches.
Here a deep residual network predicts the progress of diabetes from ten measurements, next to
scikit-learn's own multilayer perceptron and ridge regression, over five folds.
"""

# %%
# The data
# --------
#
# 442 patients, ten columns. Such tables are small and noisy: nobody needs a deep network for
# them. The question is whether it does any harm, with its default settings.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mgres.sklearn import ResNetRegressor

X, y = load_diabetes(return_X_y=True)

# %%
# Models
# ------
#
# Columns and targets are scaled, by the numbers of the training folds only, which a pipeline sees
# to. The perceptron gets more iterations than its default, which would end with a warning.

models = {
    "ridge": RidgeCV(np.logspace(-2, 3, 11)),
    "perceptron": MLPRegressor(random_state=0, max_iter=2000),
    "deep ResNet": ResNetRegressor(random_state=0),
}
scores = {}
for name, model in models.items():
    scaled = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), model), transformer=StandardScaler()
    )
    start = time.perf_counter()
    scores[name] = cross_val_score(scaled, X, y, cv=KFold(5, shuffle=True, random_state=2))
    seconds = time.perf_counter() - start
    mean, error = scores[name].mean(), scores[name].std(ddof=1) / np.sqrt(5)
    print(f"{name:12} R² = {mean:.3f} ± {error:.3f}, {seconds:.1f} s")

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for i, found in enumerate(scores.values()):
    ax.plot(found, [i] * len(found), "o", alpha=0.6)
    ax.plot(found.mean(), i, "k|", markersize=20)
ax.set_yticks(range(len(scores)), scores)
ax.set(
    xlabel="R² on the fold that was left out", title="five folds and their mean", ylim=(-0.5, 2.5)
)

# %%
# The deep network does no harm, and no good either: ridge regression is as accurate and takes no
# time. The perceptron, trained until its loss stops falling, fits the noise; the estimator's
# default regulariser, which holds the layers near their start, prevents that.

# %%
# Inside
# ------
#
# The estimator knows how it was trained: by networks of increasing depth, the loss of each in
# turn.

scaler = StandardScaler().fit(X)
model = ResNetRegressor(random_state=0).fit(scaler.transform(X), (y - y.mean()) / y.std())
print(f"{model.depth} layers, {model.n_iter_} cycles, {model.work_units_:.1f} work units")

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(model.loss_curve_)
ax.set(xlabel="cycle", ylabel="loss", yscale="log")
