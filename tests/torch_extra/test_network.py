"""A user's network: its flat parameters, its start, and which modules it takes."""

import numpy as np
import pytest

import mgres

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")
from torch import nn  # noqa: E402

from mgres.torch import TorchResNet, WithoutSkip  # noqa: E402

from . import models  # noqa: E402


def values(module):
    return np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])


@pytest.mark.parametrize("make", [models.dense_parts, models.conv_parts])
def test_the_flat_array_is_stem_blocks_and_head(make):
    stem, blocks, head = make()
    net = TorchResNet(stem, blocks, head)
    theta = net.init()
    assert np.array_equal(theta, np.concatenate([values(m) for m in (stem, *blocks, head)]))
    assert theta.size == net.size
    assert theta[net.part("blocks")].size == net.depth * net.layer_size
    assert np.array_equal(theta[net.part("closing")], values(head))


def test_views_are_named_as_in_the_modules_and_share_memory():
    net = TorchResNet(*models.conv_parts())
    theta = net.init()
    views = net.views(theta)
    assert views.blocks["first.weight"].shape == (4, 3, 3, 3, 3)
    assert np.array_equal(views.blocks["norm.weight"][2], np.ones(3))
    assert set(views.head) == {"2.weight", "2.bias"}
    views.blocks["second.weight"][3] = 7
    net.load(theta)
    assert (net.blocks[3].second.weight == 7).all()
    with pytest.raises(ValueError, match="theta: expected shape"):
        net.views(theta[1:])


def test_load_writes_into_the_modules_that_compute_what_the_network_does():
    net = TorchResNet(*models.conv_parts(), final_time=3.0)
    theta = net.init() + 0.1
    net.load(theta)
    assert np.array_equal(net.init(), theta)
    X, y = models.samples(5, (1, 5, 5))
    outputs = net.module()(torch.from_numpy(X)).detach().numpy()
    assert np.allclose(outputs, net.logits(theta, X), rtol=1e-12)
    assert np.array_equal(net.predict(theta, X), outputs.argmax(1))
    assert net.accuracy(theta, X, y) == np.mean(outputs.argmax(1) == y)
    assert all(p.requires_grad for p in net.module().parameters())


def test_many_samples_are_no_matter(monkeypatch):
    net = TorchResNet(*models.dense_parts())
    X = models.samples(9)[0]
    whole = net.logits(net.init(), X)
    monkeypatch.setattr("mgres.torch.network.ROWS", 4)
    assert np.allclose(net.logits(net.init(), X), whole, rtol=1e-13)


def test_a_smooth_start_repeats_blocks_and_is_the_prolonged_coarse_one():
    net = TorchResNet(*models.dense_parts(depth=8))
    theta = net.init(coarse_depth=2)
    layers = net.views(theta).blocks["0.weight"]
    for k in range(8):
        source = net.blocks[0 if k < 4 else 4]
        assert np.array_equal(layers[k], source[0].weight.detach())
    coarse = net.with_depth(2)
    prolonged = np.empty_like(theta)
    mgres.DepthTransfer(net, coarse).prolong(coarse.init(), prolonged)
    assert np.array_equal(prolonged, theta)
    with pytest.raises(ValueError, match="coarse_depth: expected a divisor of 8 layers, got 3"):
        net.init(coarse_depth=3)


def test_levels_of_a_network_know_each_other():
    net = TorchResNet(*models.dense_parts())
    assert net.with_depth(4).with_depth(8) == net
    assert net.with_depth(4) != net
    assert hash(net.with_depth(8)) == hash(net)
    other = TorchResNet(*models.dense_parts())
    with pytest.raises(ValueError, match="coarse: expected TorchResNet"):
        mgres.DepthTransfer(net, other.with_depth(4))


def test_a_coarse_network_has_no_modules_of_its_own():
    coarse = TorchResNet(*models.dense_parts()).with_depth(4)
    with pytest.raises(ValueError, match="got 4 layers of 8 modules"):
        coarse.load(coarse.init())
    with pytest.raises(ValueError, match="expected all layers"):
        coarse.module()


def test_the_memory_of_pickles_and_its_text():
    net = TorchResNet(*models.dense_parts())
    assert repr(net).startswith("TorchResNet(depth=8, final_time=1, scheme=Euler()")


def test_parts_without_parameters():
    _, blocks, _ = models.dense_parts()
    net = TorchResNet(nn.Identity(), blocks, nn.Identity())
    assert net.part("opening") == slice(0, 0)
    assert net.size == 8 * 20
    X = np.ones((3, 4))
    expected = nn.Sequential(*(Plus(b, 1 / 8) for b in blocks))(torch.from_numpy(X))
    assert np.allclose(net.logits(net.init(), X), expected.detach(), rtol=1e-13)


class Plus(nn.Module):
    def __init__(self, block, h):
        super().__init__()
        self.block, self.h = block, h

    def forward(self, y):
        return y + self.h * self.block(y)


def tied():
    stem, blocks, head = models.dense_parts()
    blocks[3][0].weight = blocks[2][0].weight
    return stem, blocks, head


def differing(change):
    stem, blocks, head = models.dense_parts()
    change(blocks)
    return stem, blocks, head


def swap(module):
    def change(blocks):
        blocks[2] = module.double()

    return change


def with_mask(block, k):
    block.register_buffer("mask", torch.full((4,), float(k)))
    return block


REFUSED = [
    (lambda p: TorchResNet(p[0], p[1], "head"), TypeError, "head: expected an nn.Module, got str"),
    (lambda p: TorchResNet(p[0], [], p[2]), ValueError, "blocks: expected at least one block"),
    (lambda p: TorchResNet(p[0], p[2], p[2]), TypeError, "blocks: expected a sequence .* Linear"),
    (lambda p: TorchResNet(*p, -1.0), ValueError, "final_time: expected a positive number"),
    (lambda p: TorchResNet(*p, scheme="verlet"), ValueError, "scheme: expected one of"),
    (lambda p: TorchResNet(*p, substeps=2), ValueError, "substeps: only scheme='matched' has them"),
    (
        lambda p: TorchResNet(*p).with_scheme("verlet"),
        ValueError,
        "scheme: expected one of .* got 'verlet'",
    ),
    (lambda p: TorchResNet(*p).with_depth(0), ValueError, "depth: expected an integer from 1"),
    (
        lambda p: TorchResNet(*tied()),
        ValueError,
        r"blocks\[3\]\.0\.weight: expected a parameter of its own, got the one of blocks\[2\]",
    ),
    (
        lambda p: TorchResNet(p[0], [p[1][0], p[1][0]], p[2]),
        ValueError,
        r"blocks\[1\]\.0\.weight: expected a parameter of its own, got the one of blocks\[0\]",
    ),
    (
        lambda p: TorchResNet(*differing(swap(nn.Sequential(nn.Linear(4, 4), nn.ReLU())))),
        ValueError,
        r"blocks\[2\]: expected a block that differs from blocks\[0\] in the values",
    ),
    (
        lambda p: TorchResNet(*differing(lambda b: b[2][0].weight.requires_grad_(False))),
        ValueError,
        r"blocks\[2\]: expected the parameters of blocks\[0\]",
    ),
    (
        lambda p: TorchResNet(p[0], [with_mask(b, k) for k, b in enumerate(p[1])], p[2]),
        ValueError,
        r"blocks\[1\]\.mask: expected the buffer of blocks\[0\]",
    ),
    (
        lambda p: TorchResNet(p[0], [nn.Sequential(b, nn.BatchNorm1d(4)) for b in p[1]], p[2]),
        ValueError,
        r"blocks\[0\]\.1: expected layers without running statistics, got BatchNorm1d.*GroupNorm",
    ),
    (
        lambda p: TorchResNet(nn.Sequential(p[0], nn.Dropout(0.1)), p[1], p[2]),
        ValueError,
        r"stem\.1: expected a deterministic layer, got Dropout\(p=0\.1",
    ),
    (
        lambda p: TorchResNet(p[0].float(), p[1], p[2]),
        TypeError,
        r"one dtype, float32 or float64, got torch\.float32 \(stem\.weight\), torch\.float64",
    ),
    (
        lambda p: TorchResNet(*(m.half() for m in p)),
        TypeError,
        r"float32 or float64, got torch\.float16",
    ),
    (
        lambda p: TorchResNet(p[0].to("meta"), p[1], p[2]),
        ValueError,
        r"stem\.weight: expected a parameter on the CPU, got meta",
    ),
    (
        lambda p: TorchResNet(p[0], [nn.Tanh()], p[2]),
        ValueError,
        r"blocks: expected blocks with parameters",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(models.dense_parts())


def test_dropout_that_drops_nothing_and_constant_buffers_are_allowed():
    stem, blocks, head = models.dense_parts()
    alike = [nn.Sequential(with_mask(b, 1), nn.Dropout(0.0)) for b in blocks]
    net = TorchResNet(stem, alike, head)
    plain = TorchResNet(stem, blocks, head)
    X = models.samples()[0]
    assert np.array_equal(net.logits(net.init(), X), plain.logits(plain.init(), X))


def test_the_adapter_of_blocks_with_a_skip():
    block = Plus(nn.Linear(3, 3), 1.0)
    y = torch.randn(2, 3)
    assert torch.allclose(WithoutSkip(block)(y), block.block(y), atol=1e-6)
