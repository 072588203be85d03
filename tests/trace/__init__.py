"""Sequence diagrams of the two request workflows, drawn from what really happened."""
