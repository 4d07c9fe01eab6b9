"""A network and its parameters in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..blocks import from_description
from ..checks import check_plain
from ..resnet import CompiledNetwork, ResNet
from ..resnet.layout import Array
from ..schemes import Scheme, scheme_of
from ..stages import Network, map_from, stack_from
from .envelope import check_envelope, envelope
from .tensors import FormatError, read_tensors, write_tensors

VERSION = 3
"""Version 1, before there were blocks, has the keywords of ResNet in their place; version 3 is that
of networks of several stacks."""

KEYWORDS = ("activation", "scheme", "substeps", "weights", "damping")
EXTRA = "extra."
NOTE = "note."


class Model(NamedTuple):
    """What :func:`load` returns.

    Attributes
    ----------
    net : ResNet or Network
        The network.
    theta : ndarray, shape (net.size,)
        Its parameters.
    notes : dict
        What else was said about it: strings by name.
    extra : dict
        Further arrays by name.
    """

    net: ResNet | Network
    theta: Array
    notes: dict[str, str]
    extra: dict[str, NDArray[Any]]


def save(
    path: str | Path,
    net: CompiledNetwork,
    theta: Array,
    *,
    notes: Mapping[str, str] | None = None,
    extra: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write a network and its parameters to a file of the safetensors layout.

    The arrays are called Q, W, b, W_out and b_out, or have the names that the arrays of other
    blocks have, and the shapes of :meth:`ResNet.views`; those of a Network are called
    "stacks.0.W" and so on.
    What makes the network, and the version of the format, is in the metadata.  An existing file is
    replaced in one step.

    Parameters
    ----------
    path : str or Path
        The file, customarily ``*.safetensors``.
    net : ResNet or Network
        The network.
    theta : ndarray, shape (net.size,)
        Its parameters, of its dtype.
    notes : mapping of str to str, optional
        Anything that shall be kept with the model, such as names of classes in JSON.
    extra : mapping of str to ndarray, optional
        Arrays that belong to the model, such as mean and spread of the inputs; stored as
        ``extra.NAME``.

    Raises
    ------
    TypeError
        If an argument is of another type, or an array of another dtype, than described.
    ValueError
        If `theta` does not fit the network.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, mgres
    >>> net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=4)
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> mgres.save(path, net, net.init(seed=0), notes={"data": "circles"})
    >>> model = mgres.load(path)
    >>> model.net == net, model.theta.shape, model.notes
    (True, (62,), {'data': 'circles'})
    """
    if not isinstance(net, ResNet | Network):
        raise TypeError(f"net: expected a ResNet or a Network, got {type(net).__name__}")
    if not isinstance(theta, np.ndarray):
        raise TypeError(f"theta: expected a numpy array, got {type(theta).__name__}")
    check_plain("theta", theta)
    if theta.dtype != net.dtype:
        raise TypeError(f"theta: expected dtype {net.dtype}, got {theta.dtype}")
    notes, extra = notes or {}, extra or {}
    for name, note in notes.items():
        if not isinstance(name, str) or not isinstance(note, str):
            raise TypeError(f"notes: expected strings, got {name!r}: {note!r}")
    for name, array in extra.items():
        if not isinstance(name, str) or not isinstance(array, np.ndarray):
            raise TypeError(f"extra: expected numpy arrays by name, got {name!r}: {array!r}")
        check_plain(f"extra: {name}", array)
    tensors = {
        **net.named_views(theta),
        **{EXTRA + name: array for name, array in extra.items()},
    }
    metadata = {
        **envelope("model", VERSION if isinstance(net, Network) else VERSION - 1),
        "net": json.dumps(_describe(net)),
        **{NOTE + name: note for name, note in notes.items()},
    }
    write_tensors(Path(path), tensors, metadata)


def load(path: str | Path) -> Model:
    """Return the network and the parameters that :func:`save` has written to a file.

    Nothing in the file is executed, and no memory is asked for that the file does not fill.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Model
        ``net, theta, notes, extra``.

    Raises
    ------
    FormatError
        A ValueError, if the file is damaged, no model of mgres, or of a newer version.
    OSError
        If there is no such file or it cannot be read.
    """
    path = Path(path)
    tensors, metadata = read_tensors(path)
    check_envelope(path, metadata, "model", VERSION)
    try:
        net = _make_net(json.loads(metadata["net"]))
    except (KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
        raise FormatError(f"{path}: its description of the network is damaged: {error}") from error
    extra = {
        name.removeprefix(EXTRA): tensors.pop(name) for name in [*tensors] if name.startswith(EXTRA)
    }
    expected = net.named_shapes
    if tensors.keys() != expected.keys():
        raise FormatError(f"{path}: expected the arrays {[*expected]}, got {[*tensors]}")
    for name, shape in expected.items():
        array = tensors[name]
        if array.shape != shape or array.dtype != net.dtype:
            raise FormatError(
                f"{path}: {name}: expected shape {shape} and dtype {net.dtype}, got {array.shape} "
                f"and {array.dtype}"
            )
    theta = np.empty(net.size, net.dtype)
    for name, view in net.named_views(theta).items():
        np.copyto(view, tensors[name])
    notes = {
        name.removeprefix(NOTE): note for name, note in metadata.items() if name.startswith(NOTE)
    }
    return Model(net, theta, notes, extra)


def _describe(net: CompiledNetwork) -> dict[str, Any]:
    """Return a network as plain values, from which `_make_net` makes it again."""
    scheme = {"name": net.scheme.name, "substeps": net.scheme.substeps}
    shared = {"dtype": net.dtype.name, "scheme": scheme}
    if isinstance(net, Network):
        return {
            **shared,
            "opening": net.opening.describe(),
            "stacks": [stack.describe() for stack in net.stacks],
            "connections": [connection.describe() for connection in net.connections],
            "closing": net.closing.describe(),
            "inputs": net.input_shape,
            "outputs": net.n_outputs,
        }
    assert isinstance(net, ResNet)
    settings = {field.name: getattr(net, field.name) for field in fields(net)}
    return {**settings, **shared, "block": net.block.describe()}


def _make_net(settings: Any) -> ResNet | Network:
    if isinstance(settings, dict) and "stacks" in settings:
        return _make_staged(**settings)
    names = {field.name for field in fields(ResNet)}
    before = names - {"block"} | {*KEYWORDS}
    if not isinstance(settings, dict) or settings.keys() not in (names, before):
        raise ValueError(f"expected {sorted(names)}")
    if settings.keys() == before:
        return ResNet(**settings)
    block, scheme = from_description(settings["block"]), _scheme(**settings["scheme"])
    return ResNet(**{**settings, "block": block, "scheme": scheme})


def _make_staged(
    opening: Any, stacks: Any, connections: Any, closing: Any, scheme: Any, **rest: Any
) -> Network:
    maps = [map_from(given) for given in connections]
    found = [stack_from(given) for given in stacks]
    if len(maps) + 1 != len(found):
        raise ValueError(f"expected a connection between two stacks, got {len(maps)}")
    between = [part for pair in zip(found, [*maps, None], strict=True) for part in pair if part]
    return Network(map_from(opening), between, map_from(closing), scheme=_scheme(**scheme), **rest)


def _scheme(name: Any, substeps: Any = None) -> Scheme:
    return scheme_of(name, substeps)
