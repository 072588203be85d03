"""A stand-in for PyTorch: a machine without a GPU."""

from __future__ import annotations


class cuda:
    @staticmethod
    def is_available() -> bool:
        return False
