"""Ratios against a bare data path, taken in the same run. `python -m benchmarks --help`."""
