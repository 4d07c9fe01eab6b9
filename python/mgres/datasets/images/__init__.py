"""Images of one's own: folders of classes, and arrays of pixels."""

from .images import Images, read_images

__all__ = ["Images", "read_images"]
