"""What goes wrong with the gateway on this machine."""


class NativeError(Exception):
    """Something a person has to do; the text says what."""
