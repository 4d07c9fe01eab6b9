"""What makes a training run the one it is: to be compared before another one is continued."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from ...mgopt import Hierarchy, Method
from ...resnet import LayeredObjective
from ..batches.strategies import BatchStrategy

MOST_ROWS = 1000


def identify(
    f: LayeredObjective, hierarchy: Hierarchy, method: Method, strategy: BatchStrategy
) -> dict[str, str]:
    """Return texts that are the same for runs that may continue each other.

    Limits, validation and callbacks may differ.  Up to 1,000 samples, evenly spaced, stand for all,
    so that data larger than memory are not read through.
    """
    levels = [
        f"{level.objective.size} parameters, {_plain(level.optimizer)}, "
        f"{type(level.metric).__name__}, {type(level.transfer).__name__}"
        for level in hierarchy
    ]
    return {
        "network": _plain(f.net),
        "loss": f.loss if isinstance(f.loss, str) else _plain(f.loss),
        "regularizer": _plain(f.regularizer),
        "fixed parts": _plain(f.fixed),
        "samples": _digest(f),
        "hierarchy": "; ".join(levels),
        "cycle": _plain(method),
        "batch size": _plain(strategy),
    }


def _plain(value: Any, within: tuple[FunctionType, ...] = ()) -> str:
    """Return the representation without addresses, which differ from process to process.

    Functions of the user's own have one another's representation; what they do stands beside it.
    """
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    inner = [f for f in _functions(value) if f not in within]  # a function may hold itself
    return " ".join([text, *(_what_it_does(f, (*within, f)) for f in inner)])


def _functions(value: Any) -> Iterator[FunctionType]:
    """Yield the functions in a description, those of mgres apart, whose names say enough."""
    if isinstance(value, FunctionType):
        if not value.__module__.startswith("mgres."):
            yield value
    elif isinstance(value, functools.partial):
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _functions(part)
    elif isinstance(value, MethodType):
        yield from _functions(value.__func__)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _functions(getattr(value, field.name))
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _functions(part)


def _what_it_does(function: FunctionType, within: tuple[FunctionType, ...]) -> str:
    """Return a digest of the code of a function, and of the values that it holds."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    held = [*cells, *(function.__defaults__ or ()), function.__kwdefaults__]
    parts = [_code(function.__code__), *(_plain(value, within) for value in held)]
    return hashlib.blake2b("; ".join(parts).encode(), digest_size=8).hexdigest()


def _code(code: CodeType) -> str:
    constants = [_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _digest(f: LayeredObjective) -> str:
    X, y = f.samples.X, f.samples.y
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), MOST_ROWS)).astype(np.int64))
    digest = hashlib.blake2b(digest_size=8)
    for row in rows:  # one by one: all together they may be large
        digest.update(X[row].tobytes() + y[row].tobytes())
    return f"{len(X)} samples of {X.dtype} with digest {digest.hexdigest()}"
