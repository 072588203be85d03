"""The control plane of the Inference Orchestrator."""

__version__ = "0.1.0"
