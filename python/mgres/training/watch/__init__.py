"""What is told of a run while it goes on."""

from .tensorboard import TensorBoard

__all__ = ["TensorBoard"]
