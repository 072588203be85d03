"""What asks, and checks every answer. Each module is also a program of its own: the load has an
interpreter for itself, and can be started in another network namespace."""
