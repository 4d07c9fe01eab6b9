"""Networks of several stages in PyTorch, from the documentation; nothing is shared with ours."""

import math
from types import SimpleNamespace

import numpy as np

from ..resnet.torch_networks import torch, torch_step


def stage_logits(net, flat, inputs):
    """The outputs, with the parameters in the order of the documentation."""
    shapes = [stack.state_shape for stack in net.stacks]
    outputs = (net.n_outputs, 1, 1)
    maps = [(net.opening, net.input_shape, shapes[0], False)]
    pairs = zip(net.connections, shapes[:-1], shapes[1:], strict=True)
    maps += [(connection, before, behind, True) for connection, before, behind in pairs]
    maps += [(net.closing, shapes[-1], outputs, True)]
    sizes = [map_size(*m) for m in maps]
    layers = [
        stack.depth * sum(map(math.prod, stack.block.parameters(stack.width).values()))
        for stack in net.stacks
    ]
    opening, *rest = torch.split(flat, [sizes[0], *layers, *sizes[1:]])
    of_stacks, of_maps = rest[: len(layers)], [opening, *rest[len(layers) :]]
    y = inputs
    for i, stack in enumerate(net.stacks):
        y = apply_map(*maps[i], of_maps[i], y)
        y = run(net, stack, of_stacks[i], y)
    if net.closing.name == "resample":
        return y
    return apply_map(*maps[-1], of_maps[-1], y)


def map_size(m, before, behind, biased):
    if m.name == "linear":
        n = before[0] if m.pooled else math.prod(before)
        return math.prod(behind) * (n + biased)
    if m.name == "conv":
        return behind[0] * (before[0] * math.prod(kernel_of(m, before)) + biased)
    return 0


def kernel_of(m, before):
    rows, columns = m.kernel if isinstance(m.kernel, tuple) else (m.kernel, m.kernel)
    return (1 if before[1] == 1 else rows), columns


def apply_map(m, before, behind, biased, p, y):
    """W y + b by what PyTorch has, samples as rows."""
    x = y.reshape(-1, *before)
    strides = [math.ceil(a / b) for a, b in zip(before[1:], behind[1:], strict=True)]
    if m.name == "linear":
        x = x.mean((2, 3)) if m.pooled else x.flatten(1)
        W = p[: x.shape[1] * math.prod(behind)].reshape(-1, x.shape[1])
        return x @ W.T + (p[W.numel() :] if biased else 0)
    if m.name == "conv":
        rows, columns = kernel_of(m, before)
        weights = behind[0] * before[0] * rows * columns
        W = p[:weights].reshape(behind[0], before[0], rows, columns)
        mode = {"zeros": "constant", "periodic": "circular"}[m.padding]
        sides = (columns // 2,) * 2 + (rows // 2,) * 2
        x = torch.nn.functional.pad(x, sides, mode)
        bias = p[weights:] if biased else None
        return torch.nn.functional.conv2d(x, W, bias, stride=tuple(strides)).flatten(1)
    x = x.unflatten(2, (-1, strides[0])).mean(3).unflatten(3, (-1, strides[1])).mean(4)
    zeros = torch.zeros(len(x), behind[0] - before[0], *behind[1:], dtype=x.dtype)
    return torch.cat([x, zeros], 1).flatten(1)


def run(net, stack, flat, y):
    """The layers of a stack."""
    shapes = stack.block.parameters(stack.width)
    sizes = [math.prod(shape) for shape in shapes.values()]
    settings = SimpleNamespace(
        dt=stack.final_time / stack.depth,
        block=stack.block,
        activation=stack.block.activation,
        scheme=net.scheme,
        substeps=net.scheme.substeps,
    )
    for layer in flat.reshape(stack.depth, -1):
        parts = zip(shapes.items(), torch.split(layer, sizes), strict=True)
        y = torch_step(settings, {name: part.reshape(shape) for (name, shape), part in parts}, y)
    return y


def as_numpy(tensor):
    return tensor.detach().numpy().astype(np.float64)
