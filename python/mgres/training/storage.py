"""The state of a training run as JSON and named arrays: no pickle, no code in files.

=======================  ===========================================================================
value                    JSON
=======================  ===========================================================================
None, bool, int, str     itself
float                    itself, or ``{"float": "nan"}``
array                    ``{"array": NAME}``; one array in two places stays one array
NumPy scalar             ``{"scalar": value, "dtype": name}``
list                     a list
tuple, deque, dict       ``{"tuple": [...]}``, ``{"deque": [...], "maxlen": n}``,
                         ``{"dict": [[key, value], ...]}``
part of the hierarchy    ``{"reference": NAME}``: metrics and objectives are not stored
:class:`~mgres.mgopt.Memo`  ``{"memo": {...}}``
registered class         ``{"object": NAME, "attributes": {...}}``
=======================  ===========================================================================

What has another type is refused, on the way out and on the way in.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..mgopt import Memo

Json = Any
C = TypeVar("C", bound=type)


@dataclasses.dataclass(frozen=True)
class _Kind:
    """A class whose objects are stored, attribute by attribute."""

    cls: type
    attributes: tuple[str, ...]
    is_frozen: bool
    """Its arrays do not change, so that a snapshot need not copy them."""


_KINDS: dict[str, _Kind] = {}
_NAMES: dict[type, str] = {}


def register_state(cls: C) -> C:
    """Allow objects of a dataclass in checkpoints; may be used as a decorator.

    Needed for the states of optimisers, methods and stopping rules of one's own.  The name of the
    class is stored, so it must be unique.  Arrays of a frozen dataclass must not be changed in
    place.

    Parameters
    ----------
    cls : type
        The dataclass.

    Returns
    -------
    type
        `cls` itself.

    Raises
    ------
    TypeError
        If it is no dataclass.
    ValueError
        If another class of that name is registered.
    """
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise TypeError(f"cls: expected a dataclass, got {cls!r}")
    attributes = tuple(field.name for field in dataclasses.fields(cls))
    is_frozen = bool(cls.__dataclass_params__.frozen)  # type: ignore[attr-defined]
    register(cls, attributes, is_frozen)
    return cls


def register(cls: type, attributes: tuple[str, ...], is_frozen: bool = False) -> None:
    """Allow objects of a class that is no dataclass, too; see :func:`register_state`."""
    name = cls.__name__
    if name in _KINDS and _KINDS[name].cls is not cls:
        raise ValueError(f"cls: another class is called {name}")
    _KINDS[name] = _Kind(cls, attributes, is_frozen)
    _NAMES[cls] = name


class Encoder:
    """Turns values into JSON and arrays that later changes of the values do not touch.

    Parameters
    ----------
    references : mapping of str to object
        Names of what is not stored.

    Attributes
    ----------
    arrays : dict
        The arrays, by name.
    """

    def __init__(self, references: Mapping[str, Any]) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self._references = {id(target): name for name, target in references.items()}
        self._seen: dict[int, str] = {}

    def encode(self, value: Any, is_frozen: bool = False) -> Json:
        """Return JSON for `value`, whose arrays need no copy if `is_frozen`.

        Raises
        ------
        TypeError
            If a class is not registered.
        """
        if value is None or isinstance(value, bool | str):
            return value
        if id(value) in self._references:
            return {"reference": self._references[id(value)]}
        if isinstance(value, np.generic):
            return self._scalar(value)
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.ndarray):
            return {"array": self._array(value, is_frozen)}
        if isinstance(value, Memo):
            return {"memo": self._memo(value)}
        if type(value) in _NAMES:
            name = _NAMES[type(value)]
            kind = _KINDS[name]
            attributes = {
                attribute: self.encode(getattr(value, attribute), is_frozen or kind.is_frozen)
                for attribute in kind.attributes
            }
            return {"object": name, "attributes": attributes}
        return self._container(value, is_frozen)

    def _container(self, value: Any, is_frozen: bool) -> Json:
        if type(value) is dict:
            pairs = value.items()
            return {"dict": [[self.encode(k), self.encode(v, is_frozen)] for k, v in pairs]}
        if type(value) not in (list, tuple, deque):
            raise TypeError(
                f"checkpoint: cannot store an object of class {type(value).__name__}: if it is a "
                "state of your own, make it a dataclass and pass it to "
                "mgres.training.register_state"
            )
        items = [self.encode(item, is_frozen) for item in value]
        if type(value) is list:
            return items
        if type(value) is tuple:
            return {"tuple": items}
        return {"deque": items, "maxlen": value.maxlen}

    def _memo(self, memo: Memo) -> Json:
        age = None if memo._revision is None else memo.revision - memo._revision
        return {
            "objective": self.encode(memo.objective),
            "age": age,
            "value": self.encode(memo._value),
            "point": self.encode(memo._point),
            "gradient": self.encode(memo._gradient),
        }

    def _scalar(self, value: np.generic) -> Json:
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
            raise TypeError(f"checkpoint: cannot store a NumPy scalar of dtype {value.dtype}")
        return {"scalar": self.encode(value.item()), "dtype": value.dtype.name}

    def _array(self, array: NDArray[Any], is_frozen: bool) -> str:
        if id(array) in self._seen:
            return self._seen[id(array)]
        name = f"state.{len(self.arrays)}"
        self.arrays[name] = array if is_frozen else array.copy()
        self._seen[id(array)] = name
        return name


class Decoder:
    """Turns JSON and arrays into the values that an :class:`Encoder` was given.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The arrays, which become part of the values.
    references : mapping of str to object
        What the names stand for now.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], references: Mapping[str, Any]) -> None:
        self._arrays = arrays
        self._references = references

    def decode(self, data: Json) -> Any:
        """Return the value.

        Raises
        ------
        ValueError
            If the JSON is not what an encoder makes, or names something unknown.
        """
        if data is None or isinstance(data, bool | str | int | float):
            return data
        if isinstance(data, list):
            return [self.decode(item) for item in data]
        make = _DECODERS.get(next(iter(data))) if isinstance(data, dict) and data else None
        if make is None:
            raise ValueError(f"unexpected entry {str(data)[:60]}")
        try:
            return make(self, **data)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"damaged entry {str(data)[:60]}: {error!r}") from error

    def _float(self, float: str) -> Any:
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[float]

    def _array(self, array: str) -> Any:
        return self._arrays[array]

    def _scalar(self, scalar: Json, dtype: str) -> Any:
        value, kind = self.decode(scalar), np.dtype(dtype)
        if kind.kind not in "biuf" or not isinstance(value, bool | int | float):
            raise ValueError(f"unexpected scalar {value} of dtype {dtype}")
        return kind.type(value)

    def _tuple(self, tuple: Json) -> Any:
        return (*self.decode(tuple),)

    def _deque(self, deque: Json, maxlen: int | None) -> Any:
        return _make_deque(self.decode(deque), maxlen)

    def _dict(self, dict: Json) -> Any:
        return {self.decode(key): self.decode(value) for key, value in dict}

    def _reference(self, reference: str) -> Any:
        return self._references[reference]

    def _object(self, object: str, attributes: Json) -> Any:
        kind = _KINDS[object]
        if attributes.keys() != set(kind.attributes):
            raise ValueError(f"{object}: expected the attributes {kind.attributes}")
        value = _new(kind.cls)
        for name, attribute in attributes.items():
            # frozen dataclasses refuse setattr
            _set_attribute(value, name, self.decode(attribute))
        return value

    def _memo(self, memo: Json) -> Memo:
        made = Memo(self.decode(memo["objective"]))
        made._value = self.decode(memo["value"])
        for name in ("point", "gradient"):
            array = self.decode(memo[name])
            if array.shape != made._point.shape or array.dtype != made._point.dtype:
                raise ValueError(f"{name} of an objective of size {made.size}: {array.shape}")
            setattr(made, f"_{name}", array)
        made._revision = None if memo["age"] is None else made.revision - memo["age"]
        return made


_new: Callable[[type], Any] = object.__new__
_set_attribute = object.__setattr__
_make_deque: Callable[..., deque[Any]] = deque

_DECODERS: dict[str, Callable[..., Any]] = {
    "float": Decoder._float,
    "array": Decoder._array,
    "scalar": Decoder._scalar,
    "tuple": Decoder._tuple,
    "deque": Decoder._deque,
    "dict": Decoder._dict,
    "reference": Decoder._reference,
    "object": Decoder._object,
    "memo": Decoder._memo,
}
