"""Why a catalogue could not be served. Each text is a sentence for the operator."""

from __future__ import annotations


class GatewayRefused(Exception):
    """The gateway goes on as it was."""


class RenderRefused(GatewayRefused):
    """A value that nginx's configuration cannot express."""


class NginxRefused(GatewayRefused):
    """nginx would not have the configuration; in its own words."""
