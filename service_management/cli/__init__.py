"""`orchestrator`: the operator's command line."""
