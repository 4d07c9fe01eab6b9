"""Networks in PyTorch, written down as in the sources: they share nothing with ours."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install torch")
torch.set_num_threads(1)  # its threads and ours would wait for each other


def smooth_relu(z):
    w = 0.1
    return torch.where(z <= -w, 0 * z, torch.where(z >= w, z, (z + w) ** 2 / (4 * w)))


SIGMA = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "identity": lambda z: z,
    "smooth_relu": smooth_relu,
    "silu": lambda z: z * torch.sigmoid(z),
    "gelu": lambda z: z * torch.special.ndtr(z),
    "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
    "elu": lambda z: torch.where(z > 0, z, torch.expm1(torch.where(z > 0, 0 * z, z))),
    "leaky_relu": lambda z: torch.where(z > 0, z, 0.01 * z),
}


def convolved(filters, W, images):
    """What PyTorch's documentation says, samples as rows."""
    images = images.reshape(len(images), -1, *filters.pixels)
    rows, columns = (n // 2 for n in W.shape[2:])
    mode = {"zeros": "constant", "periodic": "circular"}[filters.padding]
    padded = torch.nn.functional.pad(images, (columns, columns, rows, rows), mode)
    return torch.nn.functional.conv2d(padded, W, groups=filters.groups).flatten(1)


def image_field(block, p, y):
    """F(y; p) without norm and pace."""
    sigma, filters = SIGMA[block.activation], block.filters

    def affine(W, b, x):
        return convolved(filters, W, x) + b.repeat_interleave(math.prod(filters.pixels))

    if block.name == "two_layer":
        return affine(p["W2"], p["b2"], sigma(affine(p["W1"], p["b1"], y)))
    if block.name == "gradient":
        a = sigma(affine(p["K"], p["b"], y))
        return block.sign * torch.func.vjp(lambda x: convolved(filters, p["K"], x), y)[1](a)[0]
    return sigma(affine(p["W"], p["b"], y))


def normalised(norm, g, y):
    if len(g) < y.shape[1]:  # of images: every pixel a row
        pixels = y.unflatten(1, (len(g), -1)).transpose(1, 2)
        rows = normalised(norm, g, pixels.flatten(0, 1))
        return rows.unflatten(0, pixels.shape[:2]).transpose(1, 2).flatten(1)
    if norm == "layer":
        variance, mean = torch.var_mean(y, 1, correction=0, keepdim=True)
        return g * (y - mean) / torch.sqrt(variance + 1e-5)
    return g * y / torch.sqrt((y * y).mean(1, keepdim=True) + 1e-5)


def scattered(pattern, W, width):
    """The matrix by SciPy's definition of CSR: row i has the columns indices[indptr[i]:...]."""
    full = torch.zeros(width, width, dtype=W.dtype)
    if hasattr(pattern, "indptr"):
        at = [
            (i, int(j))
            for i in range(width)
            for j in pattern.indices[pattern.indptr[i] : pattern.indptr[i + 1]]
        ]
    else:
        at = [
            (i, j)
            for i in range(width)
            for j in range(width)
            if -pattern.lower <= j - i <= pattern.upper
        ]
    rows, columns = torch.tensor(at).T
    return full.index_put((rows, columns), W)


def torch_field(block, p, y):
    """F(y; p) of the blocks that are one."""
    sigma = SIGMA[block.activation]
    if block.norm is not None:
        y = normalised(block.norm, p["scale"], y)
    if block.filters is not None:
        value = image_field(block, p, y)
    elif block.name == "two_layer":
        value = sigma(y @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"]
    elif block.name == "gradient":
        value = block.sign * sigma(y @ p["K"].T + p["b"]) @ p["K"]
    else:
        W = p["W"]
        if block.name == "sparse":
            W = scattered(block.pattern, W, y.shape[1])
        if block.name == "antisymmetric":
            W = (W - W.T) / 2 - block.damping * torch.eye(len(W), dtype=W.dtype)
        value = sigma(y @ W.T + p["b"])
    return torch.exp(p["pace"]) * value if block.paced else value


def torch_step(net, layer, y):
    """One layer of any block and scheme."""
    h, sigma = net.dt, SIGMA[net.activation]
    if net.block.name == "hamiltonian":
        p, q = y.chunk(2, 1)
        if net.block.hidden is None:
            W, b = layer["W"], layer["b"]
            q = q - h * sigma(p @ W + b)
            return torch.cat([p + h * sigma(q @ W.T + b), q], 1)
        K, L = layer["K"], layer["L"]
        q = q - h * sigma(p @ K.T + layer["b"]) @ K
        return torch.cat([p + h * sigma(q @ L.T + layer["c"]) @ L, q], 1)

    def f(x):
        return torch_field(net.block, layer, x)

    k1 = f(y)
    if net.scheme.name == "matched":
        a = (net.substeps - 1) / (2 * net.substeps)
        return y + h * ((1 - a) * k1 + a * f(y + h * k1))
    if net.scheme.name == "rk4":
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(y + h * k3))
    return y + h * k1


def torch_logits(net, flat, inputs):
    v, q, m, K = net.width, net.n_inputs, net.n_outputs, net.depth
    sizes = [math.prod(shape) for shape in net.layer_arrays.values()]
    Q, layers, W_out, b_out = torch.split(flat, [v * q, K * sum(sizes), m * v, m])
    state = inputs @ Q.reshape(v, q).T
    for layer in layers.reshape(K, -1):
        parts = zip(net.layer_arrays.items(), torch.split(layer, sizes), strict=True)
        arrays = {name: part.reshape(shape) for (name, shape), part in parts}
        state = torch_step(net, arrays, state)
    return state @ W_out.reshape(m, v).T + b_out


def torch_loss(loss, logits, vectors):
    targets = torch.tensor(vectors, dtype=logits.dtype)
    if loss == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, targets)
    return ((logits - targets) ** 2).sum(1).mean() / 2


def torch_value_and_grad(net, loss, theta, X, vectors, logits_of=torch_logits):
    flat = torch.tensor(theta, requires_grad=True)
    value = torch_loss(loss, logits_of(net, flat, torch.tensor(X)), vectors)
    value.backward()
    return value.item(), flat.grad.numpy().astype(np.float64)


def torch_products(net, loss, theta, X, vectors, v, logits_of=torch_logits):
    """The Hessian and the Gauss-Newton matrix times v: forward over reverse mode."""
    point, direction, samples = (torch.tensor(a, dtype=torch.float64) for a in (theta, v, X))

    def model(flat):
        return logits_of(net, flat, samples)

    def mean_loss(logits):
        return torch_loss(loss, logits, vectors)

    def push(f, at, along):
        return torch.func.jvp(f, (at,), (along,))[1]

    hessian = push(torch.func.grad(lambda flat: mean_loss(model(flat))), point, direction)
    logits, pull = torch.func.vjp(model, point)
    along = push(torch.func.grad(mean_loss), logits, push(model, point, direction))
    return hessian.numpy(), pull(along)[0].numpy()
