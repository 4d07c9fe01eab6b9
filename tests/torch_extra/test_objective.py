"""The objective of a user's network, against mgres' own and against PyTorch's autograd."""

import numpy as np
import pytest

import mgres
from mgres.testing import check_gradient

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")
from torch import nn  # noqa: E402

from mgres.torch import TorchObjective, TorchResNet, WithoutSkip  # noqa: E402

from . import models  # noqa: E402


def value_and_grad(f, theta):
    out = np.full_like(theta, np.nan)
    return f.value_and_grad(theta, out), out


def half_squares(outputs, targets):
    return ((outputs - targets) ** 2).sum(1).mean() / 2


REGULARIZERS = [
    None,
    mgres.Tikhonov(0.01, opening=True),
    [mgres.Tikhonov(0.1, measure="time"), mgres.Smoothness(0.3)],
]


@pytest.mark.parametrize("regularizer", REGULARIZERS, ids=["none", "tikhonov", "two"])
@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("scheme", ["euler", "matched"])
def test_it_is_the_objective_of_the_same_network_in_mgres(factor, scheme, regularizer):
    f = models.dense(regularizer=regularizer)
    g = models.twin(f, regularizer=regularizer)
    assert f.size == g.size
    if factor > 1:
        f, g = f.coarsen(factor, scheme), g.coarsen(factor, scheme)
    theta = 0.5 * np.random.default_rng(2).standard_normal(f.size)
    (value, gradient), (expected, expected_gradient) = (value_and_grad(o, theta) for o in (f, g))
    assert value == pytest.approx(expected, rel=1e-12)
    assert f.value(theta) == pytest.approx(expected, rel=1e-12)
    assert np.allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-13)
    assert f.net.dt == g.net.dt
    assert f.net.stages == g.net.stages
    for part in ("opening", "blocks", "closing"):
        assert f.net.part(part) == g.net.part(part)


def test_other_losses_and_single_precision():
    X, _ = models.samples(20, dtype=np.float32)
    y = np.random.default_rng(1).standard_normal((20, 3)).astype(np.float32)
    net = TorchResNet(*models.dense_parts(dtype=torch.float32), scheme="rk4")
    f = TorchObjective(net, X, y, half_squares)
    g = models.twin(f, "squared_error")
    theta = net.init()
    (value, gradient), (expected, expected_gradient) = (value_and_grad(o, theta) for o in (f, g))
    assert gradient.dtype == np.float32
    assert value == pytest.approx(expected, rel=1e-5)
    assert np.allclose(gradient, expected_gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("make", [models.dense, models.conv])
def test_its_gradient_is_that_of_its_values(make):
    f = make(regularizer=mgres.Tikhonov(0.01))
    report = check_gradient(f, f.net.init())
    assert report.ok, report


@pytest.mark.parametrize("make", [models.dense, models.conv])
def test_its_value_and_gradient_are_those_of_the_modules(make):
    f = make()
    value, gradient = value_and_grad(f, f.net.init())
    module = f.net.module()
    X, y = torch.from_numpy(f.samples.X), torch.from_numpy(f.samples.y)
    loss = nn.functional.cross_entropy(module(X), y)
    loss.backward()
    assert value == pytest.approx(loss.item(), rel=1e-12)
    views = f.net.views(gradient)
    for name, view in views.stem.items():
        assert np.allclose(f.net.stem.get_parameter(name).grad, view, rtol=1e-10, atol=1e-14)
    for name, view in views.head.items():
        assert np.allclose(f.net.head.get_parameter(name).grad, view, rtol=1e-10, atol=1e-14)
    for name, view in views.blocks.items():
        for block, of_block in zip(f.net.blocks, view, strict=True):
            expected = block.get_parameter(name).grad
            assert np.allclose(expected, of_block, rtol=1e-10, atol=1e-14), name


@pytest.mark.parametrize("chunk", [1, 4, 9, 100])
def test_chunks_of_samples_give_the_same(chunk):
    f, whole = models.dense(chunk=chunk), models.dense()
    theta = f.net.init()
    (value, gradient), (expected, expected_gradient) = (
        value_and_grad(o, theta) for o in (f, whole)
    )
    assert value == pytest.approx(expected, rel=1e-13)
    assert f.value(theta) == pytest.approx(expected, rel=1e-13)
    assert np.allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-15)


def test_nothing_of_the_users_modules_changes():
    f = models.conv()
    before = f.net.init()
    theta = before + 1
    value_and_grad(f, theta)
    f.value(theta)
    f.net.accuracy(theta, f.samples.X, f.samples.y)
    assert np.array_equal(f.net.init(), before)
    assert all(p.grad is None for p in f.net.module().parameters())
    assert all(p.requires_grad for p in f.net.module().parameters())


def test_a_read_only_point_is_read_without_a_warning():
    f = models.dense()
    theta = f.net.init()
    theta.flags.writeable = False
    assert f.value(theta) == value_and_grad(f, theta)[0]


@pytest.mark.parametrize("regularizer", [None, mgres.Tikhonov(0.1, opening=True)])
def test_parameters_without_requires_grad_are_fixed(regularizer):
    stem, blocks, head = models.dense_parts()
    stem.requires_grad_(False)
    for block in blocks:
        block[0].bias.requires_grad_(False)
    X, y = models.samples()
    f = TorchObjective(TorchResNet(stem, blocks, head, 2.0), X, y, regularizer=regularizer)
    assert f.fixed == ("opening",)
    _, gradient = value_and_grad(f, f.net.init())
    _, free = value_and_grad(models.dense(regularizer=regularizer), f.net.init())
    views, expected = f.net.views(gradient), f.net.views(free)
    assert not views.stem["weight"].any()
    assert not views.blocks["0.bias"].any()
    assert np.allclose(views.blocks["0.weight"], expected.blocks["0.weight"])
    assert np.allclose(views.head["bias"], expected.head["bias"])
    _, coarse = value_and_grad(f.coarsen(2), f.coarsen(2).net.init())
    assert not f.coarsen(2).net.views(coarse).blocks["0.bias"].any()


def test_a_stem_without_parameters_is_not_called_fixed():
    _, blocks, head = models.dense_parts()
    X, y = models.samples(shape=(4,))
    f = TorchObjective(TorchResNet(nn.Identity(), blocks, head), X, y)
    assert f.fixed == ()
    report = check_gradient(f, f.net.init())
    assert report.ok, report


def test_a_block_that_adds_its_input_itself():
    class Whole(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, y):
            return y + self.inner(y)

    stem, blocks, head = models.dense_parts(depth=4)
    whole = [Whole(block) for block in blocks]
    net = TorchResNet(stem, [WithoutSkip(b) for b in whole], head, final_time=len(whole))
    X = models.samples()[0]
    expected = nn.Sequential(stem, *whole, head)(torch.from_numpy(X))
    assert np.allclose(net.logits(net.init(), X), expected.detach(), rtol=1e-13)
    assert torch.allclose(net.module()(torch.from_numpy(X)), expected, rtol=1e-13)


def test_samples_may_be_tensors_whose_memory_is_used_and_labels_of_any_integer_type():
    X, y = models.samples()
    f = models.dense()
    X_tensor = torch.from_numpy(X)
    net = f.net
    g = TorchObjective(net, X_tensor, torch.from_numpy(y).to(torch.int32))
    assert np.shares_memory(g.samples.X, X)
    assert g.samples.y.dtype == np.int64
    assert g.value(net.init()) == f.value(net.init())


def test_integers_as_samples():
    stem = nn.Sequential(nn.Embedding(7, 4), nn.Flatten()).double()
    blocks = [nn.Sequential(nn.Linear(12, 12), nn.Tanh()).double() for _ in range(2)]
    tokens = np.random.default_rng(0).integers(7, size=(5, 3))
    net = TorchResNet(stem, blocks, nn.Linear(12, 2).double())
    f = TorchObjective(net, tokens, np.array([0, 1, 0, 1, 0]))
    report = check_gradient(f, net.init())
    assert report.ok, report


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4).double()

    def forward(self, y):
        return nn.functional.dropout(self.linear(y), 0.5)


class Centred(Noisy):
    def forward(self, y):
        return self.linear(y - y.mean(0))


class Numbered(Noisy):
    def __init__(self, k):
        super().__init__()
        self.k = k

    def forward(self, y):
        return self.k * self.linear(y)


def with_blocks(blocks):
    stem, _, head = models.dense_parts()
    return TorchResNet(stem, blocks, head)


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 5).double()

    def forward(self, y):
        return self.linear(y)


def strange(X):
    X = X.copy()
    X[3, 1] = np.inf
    return X


def frozen(size):
    array = np.zeros(size)
    array.flags.writeable = False
    return array


REFUSED = [
    (lambda f, X, y: TorchObjective(f, X, y), TypeError, "net: expected a TorchResNet, got Torch"),
    (lambda f, X, y: TorchObjective(f.net, X, y, "mse"), TypeError, "loss: expected a callable"),
    (
        lambda f, X, y: TorchObjective(f.net, X, y, chunk=0),
        ValueError,
        "chunk: expected an integer from 1",
    ),
    (lambda f, X, y: TorchObjective(f.net, [1], y), TypeError, "X: expected an array or a tensor"),
    (
        lambda f, X, y: TorchObjective(f.net, X.astype("f4"), y),
        TypeError,
        "X: expected dtype float64, as the network has, got float32",
    ),
    (
        lambda f, X, y: TorchObjective(f.net, X[:, ::-1], y),
        TypeError,
        r"X: expected a C-contiguous array.*ascontiguousarray",
    ),
    (
        lambda f, X, y: TorchObjective(f.net, torch.from_numpy(X).T, y),
        TypeError,
        r"X: expected a contiguous tensor, .*pass X\.contiguous\(\)",
    ),
    (
        lambda f, X, y: TorchObjective(f.net, torch.from_numpy(X).to("meta"), y),
        ValueError,
        r"X: expected a tensor on the CPU, .*pass X\.cpu\(\)",
    ),
    (
        lambda f, X, y: TorchObjective(f.net, X[:0], y[:0]),
        ValueError,
        "X: expected at least one sample",
    ),
    (
        lambda f, X, y: TorchObjective(f.net, strange(X), y),
        ValueError,
        r"X: expected finite numbers, got inf at \(3, 1\)",
    ),
    (lambda f, X, y: TorchObjective(f.net, X, y[1:]), ValueError, "y: expected 9 targets, one a"),
    (
        lambda f, X, y: TorchObjective(f.net, X > 0, y),
        TypeError,
        "X: expected floats or integers, got dtype bool",
    ),
    (
        lambda f, X, y: TorchObjective(f.net, X[:, :1].copy(), y),
        ValueError,
        r"X: expected samples that the network takes, got shape \(9, 1\)",
    ),
    (
        lambda f, X, y: TorchObjective(f.net, X, y, nn.CrossEntropyLoss(reduction="none")),
        ValueError,
        r"loss: expected a scalar tensor, got \(4,\)",
    ),
    (
        lambda f, X, y: TorchObjective(f.net, X, y, nn.CrossEntropyLoss(reduction="sum")),
        ValueError,
        "loss: expected the mean over samples",
    ),
    (
        lambda f, X, y: TorchObjective(with_blocks([Noisy()]), X, y),
        ValueError,
        "has a block dropout or another random part",
    ),
    (
        lambda f, X, y: TorchObjective(with_blocks([Centred()]), X, y),
        ValueError,
        "has a block statistics over a batch",
    ),
    (
        lambda f, X, y: TorchObjective(with_blocks([Numbered(1), Numbered(2)]), X, y),
        ValueError,
        r"blocks\[1\]: expected a block that does what blocks\[0\] does",
    ),
    (
        lambda f, X, y: TorchObjective(with_blocks([Wide()]), X, y),
        ValueError,
        r"blocks\[0\]: expected an output like the input, shape \(4, 4\) .* got \(4, 5\)",
    ),
    (lambda f, X, y: f.coarsen(3), ValueError, "factor: expected a divisor of 8 layers"),
    (lambda f, X, y: f.coarsen(2, "rk4"), ValueError, "scheme: expected euler or matched"),
    (
        lambda f, X, y: f.value(np.zeros(f.size, np.float32)),
        TypeError,
        "x: expected dtype float64, got float32",
    ),
    (lambda f, X, y: f.value(np.zeros(f.size + 1)), ValueError, r"x: expected shape \(183,\)"),
    (lambda f, X, y: f.value([0.0]), TypeError, "x: expected a numpy array, got list"),
    (
        lambda f, X, y: f.value_and_grad(np.zeros(f.size), np.zeros(3)),
        ValueError,
        r"out: expected shape \(183,\), got \(3,\)",
    ),
    (
        lambda f, X, y: f.value_and_grad(np.zeros(f.size), frozen(f.size)),
        ValueError,
        "out: expected a writable array",
    ),
    (
        lambda f, X, y: f.value(np.zeros(2 * f.size)[::2]),
        TypeError,
        r"x: expected a contiguous array, got strides \(16,\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_is_refused(call, error, message):
    f = models.dense()
    with pytest.raises(error, match=message):
        call(f, *models.samples())


def test_trying_the_modules_uses_up_no_random_numbers():
    net = with_blocks([Noisy()])
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="dropout"):
        TorchObjective(net, *models.samples())
    assert torch.equal(torch.get_rng_state(), state)
