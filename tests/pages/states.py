"""Which pages there are pictures of: a name, the address, and what has to be changed for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.pages.site import Site


@dataclass(frozen=True)
class Page:
    name: str
    path: str
    prepare: Callable[[Site], None] = lambda _site: None
    asks: bool = False  # its script draws what it asks for, once it is open


PAGES = (
    Page("status", "/"),
    Page("status-trouble", "/", Site.in_trouble),
    Page("status-empty", "/", Site.empty),
    Page("starting", "/info/digits", Site.starting),
    Page("service-failed", "/info/whisper"),
    Page("service-starting", "/info/llama"),
    Page("service-ready", "/info/digits"),
    Page("service-cold", "/info/embed"),
    Page("service-disabled", "/info/old"),
    Page("not-found-path", "/digits/predct"),
    Page("not-found-service", "/whispr/transcribe"),
    Page("waiting-queued", "/diffusion/asked", asks=True),
    Page("waiting-starting", "/llama/asked", asks=True),
    Page("waiting-failed", "/whisper/asked", asks=True),
    Page("waiting-disabled", "/old/asked", asks=True),
    Page("waiting-draining", "/segment/asked", asks=True),
)
