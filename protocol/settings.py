"""Settings: YAML text into a frozen dataclass, with errors that name file, line and key."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import yaml

from protocol.errors import ProtocolError

MAX_BYTES = 256 << 10
MAX_DEPTH = 12
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same language read by libyaml where PyYAML was built with it: eight times as fast."""
T = TypeVar("T")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,3})?\Z")
_NULL = "tag:yaml.org,2002:null"


class SettingsError(ProtocolError):
    """Settings that cannot be used; the message starts with `file:line:`."""


def read_settings(text: str, source: str, cls: type[T]) -> T:
    """The settings in `text` as a `cls`, a dataclass; `source` is the file's name in messages.

    Fields may be str, int, float, bool, Path, Literal, tuple[X, ...], Mapping[str, X], X | None and dataclasses of
    them; a field with a default may be left out. What a value means is decided by its field alone: a bare
    `no` or `07:30` is text where text is wanted. A ValueError of a `__post_init__` is reported at the line of the
    field that its message names first. SettingsError for everything else: unknown or repeated keys, wrong
    types, anchors, aliases and tags, more than 256 KiB.
    """
    reader = _Reader(source)
    with _yaml_errors(source):
        if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
            raise SettingsError(f"{source}:1: longer than {MAX_BYTES >> 10} KiB")
        check_plain(text, source)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        node = yaml.MappingNode("tag:yaml.org,2002:map", [], yaml.Mark(source, 0, 0, 0, None, 0))
    value = reader.dataclass(node, cls, Path(source).stem)
    return typing.cast(T, value)


def check_plain(text: str, source: str) -> None:
    """Refuse, before anything is built, what makes YAML dangerous or deep: SettingsError naming file and line.

    Raises yaml.YAMLError for what is no YAML at all.
    """
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):

        def refuse(problem: str, mark: Any = event.start_mark) -> SettingsError:
            return SettingsError(f"{source}:{mark.line + 1}: {problem}")

        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise refuse("anchors (&) and aliases (*) are not allowed: write the value out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise refuse(f"tags ({tag}) are not allowed: leave it out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise refuse(f"nested deeper than {MAX_DEPTH}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Reader:
    """Turns nodes into values of one file."""

    def __init__(self, source: str) -> None:
        self.source = source

    def error(self, node: Any, problem: str) -> SettingsError:
        return SettingsError(f"{self.source}:{node.start_mark.line + 1}: {problem}")

    def pairs(self, node: Any, section: str) -> Iterator[tuple[Any, str, Any]]:
        """Key node, key and value node of a mapping, no key twice."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, f"{section} must be a mapping of keys to values, not {_shown(node)}")
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, f"a key of {section} is not a word")
            if key.value in seen:
                raise self.error(key, f"{key.value!r} is there twice, first in line {seen[key.value]}")
            seen[key.value] = key.start_mark.line + 1
            yield key, key.value, value

    def dataclass(self, node: Any, cls: Any, section: str) -> Any:
        hints = typing.get_type_hints(cls)
        fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
        values: dict[str, Any] = {}
        lines: dict[str, Any] = {}
        for key_node, key, value_node in self.pairs(node, section):
            if key not in fields:
                close = difflib.get_close_matches(key, fields, n=1)
                hint = f" (did you mean '{close[0]}'?)" if close else f" (it has: {', '.join(fields)})"
                raise self.error(key_node, f"{_clip(key)} is not a setting of {section}{hint}")
            values[key] = self.value(value_node, hints[key], key)
            lines[key] = key_node
        for name, field in fields.items():
            if name not in values and field.default is field.default_factory is dataclasses.MISSING:
                raise self.error(node, f"'{name}' is missing from {section}")
        try:
            return cls(**values)
        except ValueError as error:
            first = re.split(r"\W", str(error), maxsplit=1)[0]
            raise self.error(lines.get(first, node), str(error)) from error

    def value(self, node: Any, hint: Any, key: str) -> Any:
        """The value of a node for a field of this type."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in (Union, types.UnionType):
            if getattr(node, "tag", None) == _NULL:
                return None
            (inner,) = (argument for argument in arguments if argument is not types.NoneType)
            return self.value(node, inner, key)
        if dataclasses.is_dataclass(hint):
            return self.dataclass(node, hint, key)
        if origin is tuple:
            if not isinstance(node, yaml.SequenceNode):
                raise self.error(node, f"{key} must be a list, not {_shown(node)}")
            return tuple(self.value(item, arguments[0], key) for item in node.value)
        if origin in (dict, Mapping):
            return {name: self.value(item, arguments[1], name) for _, name, item in self.pairs(node, key)}
        if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL:
            raise self.error(node, f"{key} must be {_wanted(hint)}, not {_shown(node)}")
        try:
            return _scalar(node.value, hint)
        except ValueError as error:
            raise self.error(node, f"{key} must be {_wanted(hint)}, not {_shown(node)}") from error


@contextlib.contextmanager
def _yaml_errors(source: str) -> Iterator[None]:
    """Turns what the YAML package raises into SettingsError with the line."""
    try:
        yield
    except SettingsError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise SettingsError(f"{source}:{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: the package's scanner lets some malformed escapes through to int() and chr().
        raise SettingsError(f"{source}:1: not YAML: {str(error).splitlines()[0]}") from error


def _scalar(text: str, hint: Any) -> Any:
    """The value of a scalar's text; ValueError when it is none of the wanted type."""
    if typing.get_origin(hint) is Literal:
        for choice in typing.get_args(hint):
            if text == str(choice):
                return choice
        raise ValueError(text)
    if hint is bool:
        return text == "true" if text in ("true", "false") else _refuse(text)
    if hint is int:
        return int(text) if _INTEGER.match(text) else _refuse(text)
    if hint is float:
        number = float(text) if _NUMBER.match(text) else math.inf
        return number if math.isfinite(number) else _refuse(text)
    if hint in (str, Path):
        return hint(text)
    raise TypeError(f"{hint!r} cannot be the type of a setting")


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _wanted(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return f"one of {', '.join(str(choice) for choice in typing.get_args(hint))}"
    names = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}
    return names.get(hint, "text")


def _shown(node: Any) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "empty" if node.tag == _NULL else _clip(node.value)


def _clip(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
