"""The classifier: labels, probabilities, weights, partial and repeated training."""

import copy
import dataclasses
import decimal

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import mgres
from mgres.recipes import defaults
from mgres.sklearn import ResNetClassifier, ResNetRegressor

EPS = np.finfo(float).eps


@pytest.fixture(scope="module")
def model(wine):
    return ResNetClassifier(random_state=0).fit(*wine)


def log_softmax(logits):
    """To 400 digits, by Python's decimals: an oracle that no rounding of ours can touch."""
    with decimal.localcontext(decimal.Context(prec=400)):
        rows = [[decimal.Decimal(float(z)) for z in row] for row in logits]
        totals = [sum(z.exp() for z in row).ln() for row in rows]
        return np.array([[float(z - t) for z in r] for r, t in zip(rows, totals, strict=True)])


def test_probabilities_are_the_softmax_of_the_networks_output(model, wine):
    X, _ = wine
    logits = model.net_.logits(model.theta_, X.astype(np.float32)).astype(float)
    np.testing.assert_allclose(model.decision_function(X), logits)
    expected = log_softmax(model.decision_function(X))
    log_p = model.predict_log_proba(X)
    # z_j - max z, its exponential, a sum of 3, log1p and a difference: a few roundings in each
    # number, relative to it, wherever it lies between log(1/3) and log(1 - eps)
    np.testing.assert_allclose(log_p, expected, rtol=16 * EPS)
    # p = exp(log p) turns the absolute error of log p into a relative one
    np.testing.assert_allclose(
        model.predict_proba(X), np.exp(expected), rtol=16 * EPS * (1 - expected.min())
    )
    np.testing.assert_array_equal(model.predict(X), np.argmax(logits, axis=1))


def test_log_probabilities_close_to_zero_keep_their_digits(model):
    X = np.zeros((4, model.n_features_in_))
    logits = np.array([[40.0, 0, -3], [0, 700, 0], [-745, -745, 5], [1e38, -1e38, 0]])
    model = copy.copy(model)
    model._logits = lambda X: logits.copy()
    log_p = model.predict_log_proba(X)
    tiny = np.finfo(float).tiny  # below it numbers have fewer digits
    np.testing.assert_allclose(log_p[:3], log_softmax(logits[:3]), rtol=16 * EPS, atol=tiny)
    assert -5e-18 < log_p[0, 0] < -4e-18  # which a logarithm of 1 - 4e-18 would call 0
    np.testing.assert_array_equal(log_p[3], [0, -2e38, -1e38])


def objective_of(model, X, y, sample_weight=None):
    """The documented objective in plain NumPy, at the model's parameters."""
    w = np.ones(len(y)) if sample_weight is None else sample_weight
    mean = np.average(-model.predict_log_proba(X)[np.arange(len(y)), y], weights=w)
    net, start = model.net_, model.start_.reshape(model.net_.depth, -1)
    p = net.views(model.theta_)
    blocks = model.theta_[net.part("blocks")].reshape(net.depth, -1)
    squares = [np.sum(p.Q**2), np.sum(p.W_out**2), np.sum(p.b_out**2)]
    squares.append(net.dt * np.sum((blocks - start) ** 2))
    return mean + model.alpha / (2 * w.sum()) * sum(squares)


def test_the_loss_is_the_documented_objective(wine):
    X, y = wine
    w = np.random.default_rng(0).uniform(0.5, 2, len(X))
    model = ResNetClassifier(random_state=0, alpha=2.0, dtype="float64").fit(X, y, w)
    assert model.loss_ == pytest.approx(objective_of(model, X, y, w), rel=1e-10)


def test_training_ends_near_a_minimum_on_the_finest_level(wine, rng):
    X, y = wine
    model = ResNetClassifier(random_state=0, dtype="float64", tol=1e-6, depth=32).fit(X, y)
    assert model.history_[-1].level == 0
    theta, best = model.theta_, objective_of(model, X, y)
    for _ in range(20):
        direction = rng.standard_normal(len(theta))
        model.theta_ = theta + 1e-2 * direction / np.linalg.norm(direction)
        assert objective_of(model, X, y) > best - 1e-8


def test_strings_and_numbers_give_the_same_model(model, wine):
    X, y = wine
    names = np.array(["Rhône", "Alsace", "Loire"], dtype=object)
    order = np.argsort(names.astype(str))
    named = ResNetClassifier(random_state=0).fit(X, names[order][y])
    np.testing.assert_array_equal(named.classes_, ["Alsace", "Loire", "Rhône"])
    np.testing.assert_array_equal(named.theta_, model.theta_)
    np.testing.assert_array_equal(named.predict(X), named.classes_[model.predict(X)])


def test_the_order_of_the_samples_means_nothing(model, wine, rng):
    X, y = wine
    order = rng.permutation(len(X))
    shuffled = ResNetClassifier(random_state=0).fit(X[order], y[order])
    np.testing.assert_array_equal(shuffled.theta_, model.theta_)


@pytest.mark.parametrize("batch_size", [None, 16])
def test_weights_are_repetition(moons, batch_size):
    X, y = moons
    w = np.random.default_rng(0).integers(0, 4, len(X))
    settings = {"random_state": 0, "batch_size": batch_size, "class_weight": "balanced"}
    weighted = ResNetClassifier(**settings, max_iter=500).fit(X, y, w)
    repeated = ResNetClassifier(**settings, max_iter=500).fit(X.repeat(w, 0), y.repeat(w))
    np.testing.assert_array_equal(weighted.theta_, repeated.theta_)


def test_balanced_classes_are_the_weights_that_they_stand_for(moons):
    X, y = moons
    keep = np.flatnonzero((y == 0) | (np.arange(len(y)) % 5 == 0))
    X, y = X[keep], y[keep]
    counts = np.bincount(y)
    by_class = len(y) / (2 * counts)
    balanced = ResNetClassifier(random_state=0, class_weight="balanced").fit(X, y)
    mapped = ResNetClassifier(random_state=0, class_weight=dict(enumerate(by_class))).fit(X, y)
    plain = ResNetClassifier(random_state=0).fit(X, y)
    np.testing.assert_allclose(balanced.theta_, mapped.theta_)
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()


def test_results_do_not_depend_on_threads_and_threads_are_put_back(moons):
    before = mgres.get_num_threads()
    models = [ResNetClassifier(random_state=0, n_threads=n).fit(*moons) for n in (1, 3)]
    np.testing.assert_array_equal(models[0].theta_, models[1].theta_)
    assert mgres.get_num_threads() == before


@pytest.mark.parametrize(
    "settings",
    [
        {"cycle": "single"},
        {"cycle": "V", "levels": 3},
        {"cycle": "V", "schedule": "[(1),1,{2}]"},
        {"cycle": "W", "levels": 3},
        {"cycle": "F", "levels": 3},
        {"cycle": "fmg"},
        {"cycle": "recommended"},
        {"cycle": "recommended", "batch_size": 32},
        {"cycle": "paper", "levels": 2, "tol": 1e-4},
        {"activation": "relu", "dtype": "float64", "levels": 2},
        {"batch_size": 32, "learning_rate_init": 0.01, "max_iter": 150},
        {"batch_size": 32, "cycle": "V", "levels": 2},
        {"early_stopping": True, "validation_fraction": 0.4, "n_iter_no_change": 60},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_way_of_training_separates_the_moons(moons, settings):
    small = {"random_state": 0, "alpha": 0.1, "depth": 32, "width": 12}
    model = ResNetClassifier(**small, **settings).fit(*moons)
    assert model.score(*moons) > 0.92  # a linear model reaches 0.88
    assert model.n_iter_ >= 1
    assert model.work_units_ > 0
    assert len(model.loss_curve_) == len(model.history_)


def test_too_few_iterations_are_reported(moons):
    model = ResNetClassifier(random_state=0, max_iter=3)
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        model.fit(*moons)
    assert model.n_iter_ == 3


def test_early_stopping_keeps_the_best_point(moons):
    model = ResNetClassifier(random_state=0, early_stopping=True, n_iter_no_change=5).fit(*moons)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_scores_) == model.n_iter_
    assert ResNetClassifier(random_state=0).fit(*moons).validation_scores_ is None


def test_warm_start_goes_on_where_it_ended(wine):
    model = ResNetClassifier(random_state=0, warm_start=True).fit(*wine)
    first, loss = model.n_iter_, model.loss_
    model.fit(*wine)
    assert model.n_iter_ < first
    assert model.loss_curve_[0] == pytest.approx(loss, rel=1e-5)
    assert model.loss_ <= loss
    assert {record.level for record in model.history_} == {0}
    with pytest.raises(ValueError, match="with warm_start the classes must stay"):
        model.fit(wine[0], wine[1] + 1)


def test_partial_fit_learns_and_keeps_its_moments(wine):
    X, y = wine
    model = ResNetClassifier(random_state=0)
    losses = []
    for i in range(30):
        part = slice(i % 3, None, 3)
        model.partial_fit(X[part], y[part], classes=[0, 1, 2])
        losses.append(model.loss_)
    assert model.score(X, y) > 0.95
    assert losses[-1] < losses[0] / 3
    assert model._optimizer_state.steps == 30
    model.fit(X, y)
    assert model._optimizer_state is None


def test_partial_fit_refuses_what_does_not_fit_the_first_call(wine):
    X, y = wine
    with pytest.raises(ValueError, match="classes: all classes"):
        ResNetClassifier().partial_fit(X, y)
    model = ResNetClassifier(random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="classes: expected those of the first call"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="y: expected classes from"):
        model.partial_fit(X, y + 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", 0),
        ("width", 0),
        ("levels", 0),
        ("levels", 9),
        ("cycle", "U"),
        ("n_threads", 5000),
        ("schedule", "[1"),
        ("activation", "mish"),
        ("block", "convolution"),
        ("block", None),
        ("final_time", 0.0),
        ("alpha", -1.0),
        ("alpha", float("nan")),
        ("batch_size", 0),
        ("learning_rate_init", 0.0),
        ("max_iter", 0),
        ("max_iter", 1.5),
        ("tol", 0.0),
        ("tol", 1.0),
        ("n_iter_no_change", True),
        ("validation_fraction", 1.0),
        ("class_weight", "even"),
        ("class_weight", {7: 1.0}),
        ("class_weight", {0: -1.0}),
        ("n_threads", 0),
        ("dtype", "float16"),
        ("dtype", "nonsense"),
        ("dtype", None),
    ],
)
def test_a_wrong_parameter_is_named(moons, name, value):
    with pytest.raises(ValueError, match=f"{name}: |{name} "):
        ResNetClassifier(**{name: value}).fit(*moons)


def test_a_single_level_is_one(moons):
    with pytest.raises(ValueError, match="levels: the cycle 'single' has one level, got levels=2"):
        ResNetClassifier(cycle="single", levels=2).fit(*moons)


def test_levels_do_not_matter_to_a_model_that_is_trained_further(moons):
    model = ResNetClassifier(levels=2, warm_start=True, random_state=0, max_iter=20, width=4)
    with pytest.warns(ConvergenceWarning):
        before = model.fit(*moons).loss_
    with pytest.warns(ConvergenceWarning):
        assert model.fit(*moons).loss_ < before


def test_a_schedule_needs_a_cycle(moons):
    with pytest.raises(ValueError, match="schedule: is for the cycles V, W and F"):
        ResNetClassifier(schedule="[(1),{1}]").fit(*moons)


def test_one_class_is_refused(moons):
    with pytest.raises(ValueError, match=r"at least two classes, got one class: 1.0$"):
        ResNetClassifier().fit(moons[0], np.ones(len(moons[0])))


def test_predicting_needs_training(moons):
    with pytest.raises(NotFittedError):
        ResNetClassifier().predict_proba(moons[0])


def test_after_an_interruption_there_is_a_model(moons, monkeypatch):
    def interrupted(f, theta, **arguments):
        result = mgres.fit(f, theta, **{**arguments, "max_cycles": 5})
        raise mgres.TrainingInterrupted(dataclasses.replace(result, stopped="interrupted"))

    monkeypatch.setattr("mgres.sklearn.base.fit", interrupted)
    with pytest.warns(UserWarning, match="interrupted after 5 complete cycles"):
        model = ResNetClassifier(random_state=0).fit(*moons)
    assert model.n_iter_ == 5
    assert model.predict(moons[0]).shape == moons[1].shape


def test_progress_is_shown_if_asked_for(moons, capsys):
    ResNetClassifier(random_state=0, depth=16, verbose=True).fit(*moons)
    assert "ResNetClassifier: cycle" in capsys.readouterr().err


def test_documented_defaults_are_the_defaults():
    width, alpha = defaults.default_width(2), ResNetRegressor().alpha
    assert f"Features of the state y, by default {width}, or the number" in ResNetClassifier.__doc__
    assert f"By default alpha is {alpha:g}, for" in ResNetRegressor.__doc__
