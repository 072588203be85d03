"""How hard hypothesis looks: the whole of tests/unit has to stay below ten seconds."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("quick", deadline=None, max_examples=25)
# The same examples at every run, so that a red build is about the change and nothing else.
settings.register_profile("ci", settings.get_profile("quick"), derandomize=True)
# HYPOTHESIS_PROFILE=thorough looks for rare sequences for as long as one likes to wait.
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "quick"))
