"""What other programs make of a module: torch.export and ONNX."""

from itertools import cycle

import numpy as np
import pytest

import mgres

from .networks import ACTIVATIONS, OPTIONS, make

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")

from mgres.torch import to_module  # noqa: E402

# every network, and among them every activation, of which there are fewer
EXPORTED = [
    *((name, activation, True) for name, activation in zip(OPTIONS, cycle(ACTIVATIONS))),
    ("euler", "tanh", False),
]


def free_batch():
    return ({0: torch.export.Dim("n", min=1)},)


@pytest.mark.parametrize("options", OPTIONS)
def test_torch_export_with_a_free_batch_size(options):
    net, theta, X = make(options, "smooth_relu")
    module = to_module(net, theta)
    program = torch.export.export(module, (torch.from_numpy(X),), dynamic_shapes=free_batch())
    for n in (1, 7, 20):
        other = np.random.default_rng(n).standard_normal((n, 4))
        found = program.module()(torch.from_numpy(other)).detach().numpy()
        assert np.allclose(found, net.logits(theta, other), rtol=1e-11, atol=1e-12)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # its own
@pytest.mark.parametrize(("options", "activation", "optimize"), EXPORTED)
def test_onnx_export_with_a_free_batch_size(options, activation, optimize, tmp_path):
    pytest.importorskip("onnxscript", reason="NOT TESTED: pip install onnx onnxscript onnxruntime")
    net, theta, X = make(options, activation, np.float32, depth=3)
    path = tmp_path / "net.onnx"
    module = to_module(net, theta).eval()
    torch.onnx.export(
        module,
        (torch.from_numpy(X),),
        path,
        dynamo=True,
        dynamic_shapes=free_batch(),
        verbose=False,
        optimize=optimize,
    )
    for n in (1, 11):
        other = np.random.default_rng(n).standard_normal((n, 4)).astype(np.float32)
        assert np.allclose(run_onnx(path, other), net.logits(theta, other), rtol=1e-5, atol=1e-6)


def run_onnx(path, X):
    """Return the answer of onnxruntime, or of ONNX's own slow evaluator where that is missing."""
    try:
        import onnxruntime
    except ImportError:
        onnx = pytest.importorskip("onnx", reason="onnx is missing: pip install onnx")
        session = pytest.importorskip("onnx.reference").ReferenceEvaluator(onnx.load(path))
        name = session.input_names[0]
    else:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
    return session.run(None, {name: X})[0]


def test_a_graph_grows_by_a_few_operations_a_layer():
    sizes = []
    for depth in (4, 8):
        net = mgres.ResNet(2, 3, 2, depth)
        program = torch.export.export(to_module(net, net.init(0)), (torch.zeros(3, 2),))
        sizes.append(len(program.graph.nodes))
    assert (sizes[1] - sizes[0]) / 4 <= 5
