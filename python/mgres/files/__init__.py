"""Files: models and named arrays in the safetensors layout, written whole or not at all."""

from .atomic import replacing, write_json
from .envelope import check_envelope, envelope
from .model import Model, load, save
from .tensors import FormatError, read_tensors, write_tensors

__all__ = [
    "FormatError",
    "Model",
    "check_envelope",
    "envelope",
    "load",
    "read_tensors",
    "replacing",
    "save",
    "write_json",
    "write_tensors",
]
