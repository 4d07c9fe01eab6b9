"""The parts of ``bench/peers.py``: the same gradient in mgres and in other frameworks."""
