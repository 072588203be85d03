"""nginx seen from Python: render, check, publish, reload, count what is in flight."""
