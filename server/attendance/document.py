"""YAML files of rules read strictly: no floats, no duplicate keys, and the line of every value for messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import yaml

from protocol.settings import LOADER, SettingsError, check_plain
from server.errors import ServerError

Keys = tuple[str | int, ...]

MAX_CHARACTERS = 4 << 20
_LONGEST_INTEGER = 18
_INTEGER = re.compile(r"[+-]?\d[\d_]*")
_FLOAT = re.compile(r"[+-]?\d[\d_]*\.\d+")


@dataclass(frozen=True)
class Document:
    """A YAML file's plain value, its text, and the line (from 1) of each value by its path of keys."""

    path: Path
    text: str
    value: Any
    lines: dict[Keys, int]
    error: type[ServerError]

    def refuse(self, keys: Keys, message: str) -> ServerError:
        """The error for the value at `keys`, naming file, line and key; the caller raises it."""
        line = next((self.lines[keys[:n]] for n in range(len(keys), -1, -1) if keys[:n] in self.lines), 1)
        name = ".".join(str(key) for key in keys)
        return self.error(f"{self.path}:{line}: {name + ': ' if name else ''}{message}")

    def check(self, schema: dict[str, Any]) -> None:
        """Raise the document's error for the first value that does not fit the JSON Schema."""
        validator = jsonschema.Draft202012Validator(schema)
        found = sorted(validator.iter_errors(self.value), key=lambda e: (self._line(e), len(e.absolute_path)))
        if found:
            first = jsonschema.exceptions.best_match(found[:1]) or found[0]
            raise self.refuse(tuple(first.absolute_path), first.message)

    def _line(self, error: jsonschema.ValidationError) -> int:
        return self.lines.get(tuple(error.absolute_path), 0)


def read(path: Path, error: type[ServerError]) -> Document:
    """Read a YAML file. Raises `error` naming file and line for anything that is not plain, exact YAML.

    Unquoted text stays text (dates and times too); whole numbers are int, true and false bool, nothing is None.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror}); check the name and the rights") from None
    except UnicodeDecodeError as cause:
        raise error(f"{path}: not UTF-8 (byte {cause.start}); save it as UTF-8") from None
    return parse(text, path, error)


def parse(text: str, path: Path, error: type[ServerError]) -> Document:
    """As `read`, of a text; `path` is for the messages."""
    if len(text) > MAX_CHARACTERS:
        raise error(f"{path}: longer than {MAX_CHARACTERS} characters")
    try:
        check_plain(text, str(path))
        node = yaml.compose(text, Loader=LOADER)
    except SettingsError as cause:
        raise error(str(cause)) from None
    except yaml.MarkedYAMLError as cause:
        line = cause.problem_mark.line + 1 if cause.problem_mark else 1
        raise error(f"{path}:{line}: not YAML: {cause.problem}") from None
    except yaml.YAMLError as cause:
        raise error(f"{path}: not YAML: {cause}") from None
    document = Document(path, text, None, {}, error)
    if node is None:
        raise error(f"{path}: the file is empty")
    object.__setattr__(document, "value", _plain(node, (), document))
    return document


def _plain(node: yaml.Node, keys: Keys, document: Document) -> Any:
    document.lines.setdefault(keys, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            document.lines[(*keys, key)] = key_node.start_mark.line + 1
            if key in mapping:
                raise document.refuse((*keys, key), "written twice in the same place")
            mapping[key] = _plain(value_node, (*keys, key), document)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*keys, place), document) for place, item in enumerate(node.value)]
    return _scalar(node, keys, document)


def _scalar(node: yaml.Node, keys: Keys, document: Document) -> Any:
    text: str = node.value
    if not isinstance(node, yaml.ScalarNode) or node.style:
        return text
    if _FLOAT.fullmatch(text):
        raise document.refuse(keys, f'{text} is not exact: write it as text, "{text} %" or a fraction such as "1/8"')
    if _INTEGER.fullmatch(text):
        if len(text) > _LONGEST_INTEGER:
            raise document.refuse(keys, f"a number of {len(text)} digits is beyond what money or minutes need")
        return int(text.replace("_", ""))
    return {"true": True, "false": False, "null": None, "~": None, "": None}.get(text, text)
