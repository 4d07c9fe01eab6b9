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

What has another type is refused, on the way out and on the way in; and so are, on the way in,
objects of the engine's classes whose attributes are not what their annotations say.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from ...mgopt import Memo

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
_DECLARED: dict[type, Mapping[str, Any] | None] = {}

LARGEST_INTEGER = 2**63 - 1
"""Of a count; larger ones cannot be made to numbers of floating point."""


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


def declare(cls: type, types: Mapping[str, Any] | None = None) -> None:
    """Refuse to read objects of a registered class whose attributes have other types than these.

    Without `types` those of the annotations count.  That is for the engine's own classes, whose
    annotations are checked: those of a user may say anything.
    """
    _DECLARED[cls] = types


@functools.cache
def declared_types(cls: type) -> Mapping[str, Any]:
    """Return what the attributes of a class have to be, nothing for a class of the user's."""
    if cls not in _DECLARED:
        return {}
    found = _DECLARED[cls]
    # annotations are looked up late, because that takes longer than an import may
    return get_type_hints(cls) if found is None else found


def has_type(value: Any, expected: Any) -> bool:
    """Return whether a value that was read is what an annotation says."""
    origin, inner = get_origin(expected), get_args(expected)
    if hasattr(origin, "__value__"):  # NumPy's NDArray is such an alias from version 2.5 on
        origin = get_origin(origin.__value__)
    if expected is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(has_type(value, one) for one in inner)
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype.kind == "f"
    if origin in (list, deque, tuple):  # all items of one type
        return type(value) is origin and all(has_type(item, inner[0]) for item in value)
    if expected is bool:
        return isinstance(value, bool | np.bool_)
    if expected in (int, float):
        is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if is_integer:
            return bool(-LARGEST_INTEGER <= value <= LARGEST_INTEGER)
        return expected is float and isinstance(value, float | np.floating)
    if getattr(expected, "_is_protocol", False):
        methods = [name for name in vars(expected) if not name.startswith("_")]
        return all(hasattr(value, name) for name in methods)
    return isinstance(value, expected)


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


def _fits(value: Any, kind: np.dtype[Any]) -> bool:
    """Return whether a NumPy scalar of a dtype can have come from `value`."""
    if kind.kind in "iu":
        bounds = np.iinfo(kind)
        return type(value) is int and bounds.min <= value <= bounds.max
    if kind.kind == "f":
        return type(value) is float and not float(np.finfo(kind).max) < abs(value) < math.inf
    return kind.kind == "b" and type(value) is bool


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
        except (LookupError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"damaged entry {str(data)[:60]}: {error!r}") from error

    def _float(self, float: str) -> Any:
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[float]

    def _array(self, array: str) -> Any:
        return self._arrays[array]

    def _scalar(self, scalar: Json, dtype: str) -> Any:
        value, kind = self.decode(scalar), np.dtype(dtype)
        if not _fits(value, kind):
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
        expected = declared_types(kind.cls)
        for name, attribute in attributes.items():
            decoded = self.decode(attribute)
            if name in expected and not has_type(decoded, expected[name]):
                raise ValueError(
                    f"{object}: {name}: expected {expected[name]}, got {type(decoded).__name__}"
                )
            # frozen dataclasses refuse setattr
            _set_attribute(value, name, decoded)
        return value

    def _memo(self, memo: Json) -> Memo:
        made = Memo(self.decode(memo["objective"]))
        made._value, age = self.decode(memo["value"]), memo["age"]
        if not (has_type(made._value, float) and has_type(age, int | None)):
            raise ValueError(f"value {made._value} and age {age} of an objective")
        for name in ("point", "gradient"):
            array = self.decode(memo[name])
            if array.shape != made._point.shape or array.dtype != made._point.dtype:
                raise ValueError(f"{name} of an objective of size {made.size}: {array.shape}")
            setattr(made, f"_{name}", array)
        made._revision = None if age is None else made.revision - age
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
