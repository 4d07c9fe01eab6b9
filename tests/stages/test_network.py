"""What a network of several stages is: sizes, parameters, states, copies, files, modules."""

import copy
import math
import pickle

import numpy as np
import pytest

import mgres
from mgres.blocks import Conv2d, Custom, Dense, Hamiltonian, TwoLayer
from mgres.stages import Conv, Linear, Resample, Stack

from ..resnet.problems import random_problem
from .cases import CASES, images, vectors

EVERY_CASE = pytest.mark.parametrize("name", CASES)
DOUBLE = np.dtype("float64")


def test_one_stack_is_a_resnet():
    block = TwoLayer(5, activation="tanh", norm="layer")
    one = mgres.ResNet(3, 4, 2, 16, 2.0, dtype=np.float64, block=block)
    net = mgres.Network(Linear(), [Stack(16, block, 4, 2.0)], inputs=3, outputs=2, dtype=np.float64)
    theta, X, _, y = random_problem(one, 300)
    np.testing.assert_array_equal(net.logits(theta, X), one.logits(theta, X))
    gradients = np.empty((2, one.size))
    for each, out in zip((one, net), gradients, strict=True):
        mgres.ResNetObjective(each, X, y).value_and_grad(theta, out)
    np.testing.assert_array_equal(*gradients)
    np.testing.assert_array_equal(net.init(3), one.init(3))
    assert (net.depth, net.final_time, net.dt) == (one.depth, one.final_time, one.dt)


@EVERY_CASE
def test_parts_and_views_cover_the_parameters(name):
    net = CASES[name](DOUBLE)
    theta = np.arange(net.size, dtype=np.float64)
    parts = [net.part(part) for part in ("opening", "blocks", "connections", "closing")]
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == net.size
    stacks = net.stack_parts
    assert (stacks[0].part.start, stacks[-1].part.stop) == (parts[1].start, parts[1].stop)
    assert [s.dt for s in stacks] == [s.final_time / s.depth for s in net.stacks]
    named = net.named_views(theta)
    assert {name: view.shape for name, view in named.items()} == net.named_shapes
    numbers = np.concatenate([view.ravel() for view in named.values()])
    np.testing.assert_array_equal(np.sort(numbers), theta)
    for view in named.values():
        view[...] = -1
    assert (theta == -1).all()


def test_views_are_where_the_documentation_says():
    net = vectors(DOUBLE)
    views = net.views(np.arange(net.size, dtype=np.float64))
    assert views.opening.W.shape == (6, 5)
    assert views.opening.W[0, 0] == 0
    assert views.stacks[0].W[0, 0, 0] == 30
    first, second = 4 * (36 + 6), 6 * (5 * 9 + 5 + 9 * 5 + 9 + 9)
    assert views.stacks[1].W1[0, 0, 0] == 30 + first
    last = 2 * (7 * 12 + 7 + 1)
    assert views.connections[0].W[0, 0] == 30 + first + second + last
    assert views.connections[0].b.shape == (9,)
    assert not views.connections[1]._asdict()
    assert views.closing.b[-1] == net.size - 1


@EVERY_CASE
def test_every_thread_count_gives_the_same_bits(name, dtype):
    net = CASES[name](dtype)
    theta, X, _, y = random_problem(net, 500, labels=False)
    f = mgres.ResNetObjective(net, X, y)
    answers = set()
    for threads in (1, 2, 3, 8):
        mgres.set_num_threads(threads)
        gradient = np.empty_like(theta)
        value = f.value_and_grad(theta, gradient)
        answers.add((value, gradient.tobytes(), net.logits(theta, X).tobytes()))
    assert len(answers) == 1


@EVERY_CASE
def test_states_lead_to_the_outputs(name):
    net = CASES[name](DOUBLE)
    theta, X, _, _ = random_problem(net, 20)
    for i, stack in enumerate(net.stacks):
        states = net.states(theta, X, i)
        assert states.shape == (stack.depth + 1, 20, math.prod(stack.state_shape))
        some = net.states(theta, X, i - len(net.stacks), [stack.depth, 0])
        np.testing.assert_array_equal(some, states[[-1, 0]])
    closing = net.views(theta).closing._asdict()
    last = states[-1]
    if getattr(net.closing, "pooled", False):
        last = last.reshape(20, net.stacks[-1].state_shape[0], -1).mean(2)
    expected = last @ closing["W"].T + closing["b"] if closing else last
    np.testing.assert_allclose(net.logits(theta, X), expected, rtol=1e-12, atol=1e-13)


def test_memory_is_what_is_said_and_does_not_grow_with_the_samples():
    def net(depth):
        stacks = [Stack(depth, Conv2d(4, (8, 8))), Stack(depth, Conv2d(8, (4, 4)))]
        return mgres.Network(Conv(3), stacks, inputs=(1, 8, 8), outputs=3)

    deep = net(512)
    mgres.set_num_threads(1)
    assert mgres.estimate_memory(deep, 100_000) < 1.2 * mgres.estimate_memory(deep, 2_000)
    theta, X, _, y = random_problem(deep, 300, scale=0.1)
    f = mgres.ResNetObjective(deep, X, y)
    f.value_and_grad(theta, np.empty_like(theta))
    assert f._evaluator.workspace_bytes == mgres.estimate_memory(deep, 300)
    states = 300 * 4 * 512 * (4 * 64 + 8 * 16)
    assert mgres.estimate_memory(deep, 300) < 9 * 2**20 + 2**20 + states / 8


def test_states_that_are_computed_again_have_the_same_bits(dtype):
    net = images(dtype).with_depth(8)
    theta, X, _, y = random_problem(net, 100, scale=0.1)
    gradients = []
    for tape_bytes in (0, 50_000):
        evaluator = net.evaluator(tape_bytes=tape_bytes)
        assert (evaluator.checkpoints(100) > 0) == (tape_bytes > 0)
        gradients.append(np.empty_like(theta))
        evaluator.value_and_grad(theta, X, y, gradients[-1])
    np.testing.assert_array_equal(*gradients)


@EVERY_CASE
def test_copies_and_pickles_are_equal(name, dtype):
    net = CASES[name](dtype)
    theta, X, _, _ = random_problem(net, 5)
    expected = net.logits(theta, X)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.with_depth(net.depth)):
        assert other == net
        assert hash(other) == hash(net)
        np.testing.assert_array_equal(other.logits(theta, X), expected)
    assert net.with_depth(2 * net.depth) != net


@EVERY_CASE
def test_saved_and_loaded(name, dtype, tmp_path):
    net = CASES[name](dtype)
    theta = random_problem(net, 1)[0]
    mgres.save(tmp_path / "model.safetensors", net, theta)
    model = mgres.load(tmp_path / "model.safetensors")
    assert model.net == net
    np.testing.assert_array_equal(model.theta, theta)


def test_a_start_is_that_of_coarser_networks():
    net = images(DOUBLE).with_depth(16)
    assert [stack.depth for stack in net.stacks] == [32, 16, 32]
    views = net.views(net.init(1, coarse_depth=4))
    for stack, layers in zip(net.stacks, views.stacks, strict=True):
        for name, array in layers._asdict().items():
            assert len(array) == stack.depth
            alike = array.reshape(stack.depth // 4, 4, -1)
            np.testing.assert_array_equal(alike, alike[:, :1].repeat(4, 1), name)
    assert (views.stacks[1].scale == 1).all()
    assert (views.connections[0].b == 0).all()
    for maps in (views.opening, *views.connections, views.closing):
        assert maps.W.any()


WRONG = {
    "no stack": (
        lambda: mgres.Network(Linear(), [], inputs=2),
        "stacks: expected 1 to 16 stacks, got 0",
    ),
    "a map at the end": (
        lambda: mgres.Network(Linear(), [Stack(2, width=3), Linear()], inputs=2),
        r"stacks: expected a stack at the end, got Linear\(pooled=False\); the map behind",
    ),
    "a map at the beginning": (
        lambda: mgres.Network(Linear(), [Linear(), Stack(2, width=3)], inputs=2),
        "stacks: expected a stack before and behind each map",
    ),
    "pixels that do not divide": (
        lambda: mgres.Network(
            Conv(3),
            [Stack(2, Conv2d(2, (7, 7))), Resample(), Stack(2, Conv2d(2, (3, 3)))],
            inputs=(1, 7, 7),
            outputs=2,
        ),
        "connection 0: shape: expected images of which the smaller divide the larger ones, got "
        "2 channels of 7 x 7 pixels and 2 channels of 3 x 3 pixels",
    ),
    "inputs of another size": (
        lambda: mgres.Network(Conv(3), [Stack(2, Conv2d(2, (7, 7)))], inputs=49, outputs=2),
        "opening: shape: expected a whole stride between 49 features and 2 channels",
    ),
    "fewer channels": (
        lambda: mgres.Network(Resample(), [Stack(2, width=3)], inputs=4),
        "opening: shape: expected at least as many channels as before, got 4 features and 3",
    ),
    "no width": (lambda: Stack(2), "width: expected the features of a state for Dense"),
    "another width": (lambda: Stack(2, Conv2d(2, (3, 3)), 17), "width: expected 18 for 2 channels"),
    "a time of zero": (lambda: Stack(2, width=2, final_time=0), "final_time: expected a positive"),
    "an even kernel": (lambda: Conv(2), "kernel: expected one or two odd sizes, got 2"),
    "padding": (lambda: Conv(3, "same"), r"padding: expected one of .*, got 'same'"),
    "schemes that differ": (
        lambda: mgres.Network(
            Linear(), [Stack(2, Hamiltonian(), 4), Stack(2, width=4)], inputs=4, outputs=2
        ),
        "scheme: verlet and Hamiltonian blocks need each other",
    ),
    "an image of two sizes": (
        lambda: mgres.Network(Linear(), [Stack(2, width=2)], inputs=(2, 2)),
        r"inputs: expected features, or channels, height and width, got \(2, 2\)",
    ),
    "a depth of zero": (lambda: images(DOUBLE).with_depth(0), "depth: expected"),
    "a stack that is not there": (
        lambda: images(DOUBLE).states(np.zeros(images(DOUBLE).size), np.zeros((1, 96)), 3),
        "stack: expected a number below 3, got 3",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_named(case):
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_of_another_kind_is_named():
    with pytest.raises(TypeError, match=r"opening: expected one of mgres\.stages, got 3"):
        mgres.Network(3, [Stack(2, width=2)], inputs=2)
    with pytest.raises(TypeError, match=r"stacks: expected stacks and maps of mgres\.stages"):
        mgres.Network(Linear(), [Dense()], inputs=2)
    with pytest.raises(TypeError, match=r"block: expected one of mgres\.blocks"):
        Stack(2, "dense", 3)
    custom = Custom()
    with pytest.raises(TypeError, match=r"block: expected one of mgres\.blocks"):
        Stack(2, custom, 2)


def test_the_usual_network_for_images():
    net = mgres.stages.convolutional((3, 17, 9), 5, depth=4, channels=(2, 3), norm="layer")
    assert [stack.state_shape for stack in net.stacks] == [(2, 17, 9), (3, 9, 5)]
    strided = mgres.stages.convolutional((1, 28, 28), 10, depth=4, channels=[2], stride=3)
    assert strided.stacks[0].state_shape == (2, 10, 10)
    for options, message in (
        ({"channels": ()}, "channels: expected one number for each stack"),
        ({"stride": 0}, "stride: expected"),
        ({"kernel": 2}, "kernel"),
        ({"norm": "batch"}, "norm: expected None or one of"),
    ):
        with pytest.raises(ValueError, match=message):
            mgres.stages.convolutional((1, 28, 28), 10, **options)
    with pytest.raises(ValueError, match="inputs: expected channels, height and width, got 784"):
        mgres.stages.convolutional(784, 10)
