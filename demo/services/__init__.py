"""The example services: `python -m demo.services.<name> <port>`."""
