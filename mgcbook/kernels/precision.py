"""How exactly a GPU computes the products of a network; the CPU always keeps all digits."""

import contextlib

__all__ = ["precise", "uses_tf32"]

_settings = {"tf32": True}


@contextlib.contextmanager
def precise(strict=True):
    """Inside, float32 convolutions and linear layers keep all digits of float32; otherwise tensor cores round to TF32."""
    before, _settings["tf32"] = _settings["tf32"], not strict
    try:
        yield
    finally:
        _settings["tf32"] = before


def uses_tf32():
    """Whether the network's float32 products may be rounded to TF32, ten bits of each factor."""
    return _settings["tf32"]
