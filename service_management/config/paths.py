"""Rules for URL paths: what api_paths, quiet_paths and check_health_path may contain."""

from __future__ import annotations

import re

from .config_problem import refusal

# Characters that mean the same in a URL, in an nginx location and to the service, and
# that no proxy on the way encodes, decodes or folds.
PATH = re.compile(r"[A-Za-z0-9._~@:+,=!/-]*")
QUERY = re.compile(r"[A-Za-z0-9._~@:+,=!&/-]*")
ALLOWED = "letters, digits and . _ ~ @ : + , = ! - /"


def api_path(path: str) -> str:
    """`/x` is exact, `/x/*` is everything below, `/` alone in the list is the whole service."""
    if not path:
        raise refusal("must not be empty")
    if not path.startswith("/"):
        raise refusal("must begin with /", _near("/" + path))
    if re.search(r"[{}<>]", path):
        raise refusal(
            "is matched literally: for a part that varies, end the path in /*", _near(path)
        )
    _refuse_odd_parts(path)
    return path


def quiet_path(path: str) -> str:
    return api_path(_rooted(path))


def health_path(path: str) -> str:
    bare, mark, query = _rooted(path).partition("?")
    if mark and not QUERY.fullmatch(query):
        raise refusal("may have a query of letters, digits and . _ ~ @ : + , = ! & - / only")
    if "*" in bare:
        raise refusal("must be one path, without *")
    return api_path(bare) + mark + query


def no_duplicates(paths: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({path for path in paths if paths.count(path) > 1})
    if repeated:
        raise refusal(f"names a path more than once: {', '.join(repeated)}")
    return paths


def _rooted(path: str) -> str:
    return path if path.startswith("/") or not path else "/" + path


def _refuse_odd_parts(path: str) -> None:
    if "?" in path or "#" in path:
        raise refusal("must be a path only, without ? or #", _near(path))
    exact = path[:-1] if path.endswith("/*") else path
    if "*" in exact:
        raise refusal("may have * only at the end, as /*", _near(path))
    if not PATH.fullmatch(exact):
        raise refusal(f"may have {ALLOWED} only", _near(path))
    if "//" in exact or {".", ".."} & set(exact.split("/")):
        raise refusal("must not have empty, . or .. segments", _near(path))


def _near(path: str) -> str:
    """The path as far as it is valid; from the first part that varies on, `*`."""
    parts: list[str] = []
    for part in re.split(r"[?#]", path, maxsplit=1)[0].split("/"):
        if re.search(r"[{}<>*]", part):
            return "/" + "/".join([*parts, "*"])
        if part not in ("", ".", "..") and PATH.fullmatch(part):
            parts.append(part)
    return "/" + "/".join(parts) if parts else ""
