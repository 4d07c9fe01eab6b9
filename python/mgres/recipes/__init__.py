"""Which method, from few words: the recommended one, and those that have names."""

from .recommend import Recipe, recommended

__all__ = [
    "Recipe",
    "recommended",
]
