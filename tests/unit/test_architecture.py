"""Imports point one way, decisions do no I/O, files stay small: read from the sources."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "service_management"
SOURCES = sorted((ROOT / PACKAGE).rglob("*.py"))
PYTHON = sorted(file for top in (PACKAGE, "demo", "tests") for file in (ROOT / top).rglob("*.py"))

# A room is a package, or a module outside of packages. Each may import those named here, and
# itself: decisions and values first, then the far sides, then who joins them, last who talks to
# people, and the entrances that put it all together.
ALLOWED: dict[str, set[str]] = {
    "lifecycle": set(),
    "atomic_files": set(),
    "clean_text": set(),
    "time_text": set(),
    "config": set(),
    "settings": set(),
    "ssh": {"atomic_files", "clean_text", "config"},
    # the values of lifecycle's job_views and findings are what Slurm's answers are parsed into
    "slurm": {"clean_text", "lifecycle", "ssh"},
    "gateway": {"atomic_files", "config"},
    "host": {"config", "gateway", "settings"},
    "store": {"lifecycle"},
    "usage": {"lifecycle", "gateway", "store", "host"},
    "catalogue_source": {"config", "settings", "store"},
    "controller": {"lifecycle", "ssh", "slurm", "gateway", "config", "host", "store", "usage"},
    "native": {"lifecycle", "ssh", "slurm", "gateway", "host", "settings", "store", "controller"}
    | {"atomic_files", "catalogue_source", "config"},
    "api": {"lifecycle", "ssh", "slurm", "gateway", "config", "store", "controller", "usage"}
    | {"time_text"},
    "app": {"api", "catalogue_source", "config", "controller", "gateway", "host", "lifecycle"}
    | {"settings", "ssh", "store", "usage"},
    "cli": {"api", "atomic_files", "catalogue_source", "clean_text", "config", "controller"}
    | {"gateway", "host", "lifecycle", "native", "settings", "ssh", "slurm", "store", "time_text"},
    "gunicorn_conf": {"host", "settings"},
}
ENTRANCES = {"app", "cli", "gunicorn_conf"}  # no module imports these
LONGEST_TEST_NAME = 60
PURE = {"__future__", "collections", "dataclasses", "enum", "math", "typing"}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@dataclass(frozen=True)
class Import:
    file: Path
    line: int
    module: str

    @property
    def room(self) -> str:
        """Of this package only: `service_management.ssh.login` is in `ssh`."""
        return self.module.split(".")[1]

    @property
    def inside(self) -> bool:
        """The version is the package's own, and in no room."""
        return self.module.startswith(f"{PACKAGE}.") and self.room != "__version__"

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.module}"


def imports(file: Path) -> Iterator[Import]:
    """At any place, also in functions and below TYPE_CHECKING."""
    package = ".".join(file.relative_to(ROOT).parent.parts)
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            if base == PACKAGE:
                yield from (Import(file, node.lineno, f"{base}.{a.name}") for a in node.names)
            else:
                yield Import(file, node.lineno, base)


def _base(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def room_of(file: Path) -> str:
    return file.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")


ALL_IMPORTS = [found for file in SOURCES for found in imports(file)]


def shown(found: list[Import]) -> list[str]:
    return [str(one) for one in found]


def edges() -> dict[str, set[str]]:
    """Who imports whom, as it is."""
    found: dict[str, set[str]] = {room_of(file): set() for file in SOURCES}
    for one in ALL_IMPORTS:
        if one.inside and one.room != room_of(one.file):
            found[room_of(one.file)].add(one.room)
    return found


def test_every_room_has_its_place() -> None:
    assert {room_of(file) for file in SOURCES} - {"__init__"} == set(ALLOWED)


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_point_one_way(room: str) -> None:
    may = ALLOWED[room] | {room}
    wrong = [i for i in ALL_IMPORTS if room_of(i.file) == room and i.inside and i.room not in may]
    assert not wrong, shown(wrong)


def test_no_circle_leads_back_to_where_it_began() -> None:
    left = edges()
    while left:
        free = {room for room, others in left.items() if not others & set(left)}
        assert free, f"these import each other: {sorted(left)}"
        left = {room: others for room, others in left.items() if room not in free}


def test_no_module_imports_an_entry_point() -> None:
    imported = [i for i in ALL_IMPORTS if i.inside and i.room in ENTRANCES]
    wrong = [i for i in imported if room_of(i.file) != i.room]
    assert not wrong, shown(wrong)


def test_nothing_in_lifecycle_does_io() -> None:
    """An allow-list: what is not on it can wait, read a clock, or open something."""
    wrong = [
        found
        for found in ALL_IMPORTS
        if room_of(found.file) == "lifecycle"
        and not found.module.startswith(f"{PACKAGE}.lifecycle")
        and found.module.split(".")[0] not in PURE
    ]
    assert not wrong, shown(wrong)


def test_nothing_in_lifecycle_opens_or_prints() -> None:
    """What needs no import."""
    forbidden = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}
    calls = [
        f"{file.name}:{node.lineno}"
        for file in SOURCES
        if room_of(file) == "lifecycle"
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Name) and node.id in forbidden
    ]
    assert not calls


def test_only_the_api_and_the_composition_root_know_flask() -> None:
    knows = {room_of(i.file) for i in ALL_IMPORTS if i.module.split(".")[0] == "flask"}
    assert knows <= {"api", "app"}


def test_the_product_needs_neither_its_demo_nor_its_tests() -> None:
    outside = {"demo", "tests", "benchmarks", "pytest", "hypothesis", "httpx", "websockets"}
    wrong = [found for found in ALL_IMPORTS if found.module.split(".")[0] in outside]
    assert not wrong, shown(wrong)


def names(node: ast.Attribute | ast.ImportFrom) -> set[str]:
    if isinstance(node, ast.ImportFrom):
        return {f"{node.module}.{alias.name}" for alias in node.names}
    return {f"{node.value.id}.{node.attr}"} if isinstance(node.value, ast.Name) else set()


def calls_with_a_shell(source: ast.AST) -> Iterator[int]:
    for node in ast.walk(source):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            if not (isinstance(node.value, ast.Constant) and node.value.value is False):
                yield node.value.lineno
        elif isinstance(node, ast.Attribute | ast.ImportFrom) and SHELLS & names(node):
            yield node.lineno


# A file that starts a shell contains one of these; parsing all files would take seconds.
SUSPECT = re.compile(r"\bshell\b|create_subprocess_shell|system|popen|getoutput|getstatusoutput")

SHELLS = {
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
}


@pytest.mark.parametrize(
    "text",
    [
        "subprocess.run('x', shell=True)",
        "subprocess.run('x', shell=flag)",
        "os.system('x')",
        "from os import popen",
        "asyncio.create_subprocess_shell('x')",
    ],
)
def test_a_shell_would_be_found(text: str) -> None:
    assert SUSPECT.search(text)
    assert list(calls_with_a_shell(ast.parse(text))) == [1]


def test_nothing_reaches_a_local_shell() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in PYTHON
        if SUSPECT.search(file.read_text())
        for line in calls_with_a_shell(tree(file))
    ]
    assert not found


def repeated(named: Iterable[tuple[str, Path]]) -> dict[str, list[str]]:
    """Names that are there twice, and where."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, file in named:
        places[name].append(str(file.relative_to(ROOT)))
    return {name: found for name, found in places.items() if len(found) > 1}


def test_no_two_modules_have_the_same_name() -> None:
    modules = [(file.stem, file) for file in SOURCES if not file.stem.startswith("__")]
    assert not repeated(modules)


def test_no_two_classes_have_the_same_name() -> None:
    classes = [
        (node.name, file)
        for file in SOURCES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ClassDef)
    ]
    assert not repeated(classes)


def test_unit_tests_start_no_process() -> None:
    """They take seconds together; tests/local is for those that do."""
    unit = [file for file in PYTHON if "unit" in file.relative_to(ROOT).parts[:2]]
    programs = {"subprocess", "multiprocessing"}
    wrong = [i for f in unit for i in imports(f) if i.module.partition(".")[0] in programs]
    assert not wrong, shown(wrong)


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in PYTHON
        if (lines := len(file.read_text().splitlines())) > 400
    }
    assert not long


def test_no_function_of_the_product_is_longer_than_fifty_lines() -> None:
    long = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for file in SOURCES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 50
    ]
    assert not long


def test_the_names_of_tests_have_at_most_60_characters() -> None:
    """The docstring may say more."""
    tests = [file for file in PYTHON if file.is_relative_to(ROOT / "tests")]
    found = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in tests
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
        if len(name) > LONGEST_TEST_NAME
    ]
    assert not found
