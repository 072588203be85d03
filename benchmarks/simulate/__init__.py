"""`python -m benchmarks.simulate`: the real controller against a simulated Slurm and clock."""
