"""The control plane of the Inference Orchestrator."""
