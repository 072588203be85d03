"""Commands that are imported when they run, and a `--help` like docker's and kubectl's: commands in
groups, options without types.

Plain text on purpose: typer's boxes take rich, Markdown and a syntax highlighter to load.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

Table = Mapping[str, Mapping[str, tuple[str, str]]]  # heading → name → module and summary


class CommandGroup(TyperGroup):
    table: ClassVar[Table]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        commands: Any = _Commands(self.table)  # typer only reads it
        self.commands = commands

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(self.commands)

    def get_params(self, ctx: Any) -> list[Any]:
        return list(map(_as_typed, super().get_params(ctx)))

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        widest = max(map(len, self.commands))
        for heading, commands in self.table.items():
            with formatter.section(heading):
                rows = ((f"{name:{widest}}", text) for name, (_, text) in commands.items())
                formatter.write_dl([*rows])


class _Commands(Mapping[str, Any]):
    """By name; getting one imports it."""

    def __init__(self, table: Table) -> None:
        self._modules = {
            name: module for group in table.values() for name, (module, _) in group.items()
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, name: str) -> Any:
        module = importlib.import_module(f"service_management.cli.{self._modules[name]}")
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        names = {"help_option_names": ["-h", "--help"]}
        alone.command(name, cls=PlainCommand, context_settings=names)(getattr(module, name))
        return typer.main.get_command(alone)


class PlainCommand(TyperCommand):
    """Arguments and options with what they mean, and nothing about types, ranges and defaults: the
    text says what matters of these."""

    def get_params(self, ctx: Any) -> list[Any]:
        return list(map(_as_typed, super().get_params(ctx)))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [p for p in self.get_params(ctx) if p.param_type_name == "argument"]
        return ["[OPTIONS]", *(_name(a) if a.required else f"[{_name(a)}]" for a in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        rows: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for parameter in self.get_params(ctx):
            if not getattr(parameter, "hidden", False):
                row = (_as_written(parameter), parameter.help or "")
                rows[parameter.param_type_name].append(row)
        for kind, found in rows.items():
            if found:
                with formatter.section(f"{kind.capitalize()}s"):
                    formatter.write_dl(found)


def _as_written(parameter: Any) -> str:
    """`FILE`, `--wait`, `-n, --lines N`."""
    if parameter.param_type_name == "argument":
        return _name(parameter)
    names = ", ".join(sorted(parameter.opts, key=len))
    value = parameter.metavar or parameter.name.rpartition("_")[2].upper()
    return names if parameter.is_flag else f"{names} {value}"


def _name(argument: Any) -> str:
    return str(argument.name).upper()


class _PlainArgument(TyperArgument):
    def process_value(self, ctx: Any, value: Any) -> Any:
        if _is_plain(self, value):
            return value
        return super().process_value(ctx, value)


class _PlainOption(TyperOption):
    def process_value(self, ctx: Any, value: Any) -> Any:
        if _is_plain(self, value):
            return self.callback(ctx, self, value) if self.callback else value
        return super().process_value(ctx, value)


def _is_plain(parameter: Any, value: Any) -> bool:
    """A word, or nothing: typer would load pydantic to see that it is one."""
    is_word = isinstance(value, str) and parameter.type_descriptor.annotation is str
    return is_word or (value is None and not parameter.required and not parameter.multiple)


def _as_typed(parameter: Any) -> Any:
    plain = {TyperArgument: _PlainArgument, TyperOption: _PlainOption}
    parameter.__class__ = plain.get(type(parameter), type(parameter))  # type: ignore[call-overload]
    return parameter
