"""Decisions only: states, transitions, idleness. Nothing here does I/O."""
