"""This machine: directories and who may enter them, ports, the lock, the log."""
