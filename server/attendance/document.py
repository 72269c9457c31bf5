"""YAML files of rules read strictly: no floats, no duplicate keys, and the line of every value for messages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import yaml

from protocol.settings import LOADER, SettingsError, check_plain
from server.errors import ServerError

Keys = tuple[str | int, ...]

MAX_CHARACTERS = 4 << 20
_LOOKED_AT = 100
"""Errors among which the first is looked for: a file may have any number."""
_UNKNOWN = "additionalProperties"
_LONGEST_SHOWN = 40
_LONGEST_MESSAGE = 300
_KINDS = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}
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
        place = f"{name(keys)}: " if keys else ""
        return self.error(f"{self.path}:{line}: {place}{message}")

    def check(self, schema: dict[str, Any]) -> None:
        """Raise the document's error for a value that does not fit the JSON Schema; for unknown keys first."""
        found = islice(jsonschema.Draft202012Validator(schema).iter_errors(self.value), _LOOKED_AT)
        told = [(error.validator != _UNKNOWN, *_told(error)) for error in map(_meant, found)]
        if told:
            _, keys, message = min(told, key=lambda one: (one[0], self.lines.get(one[1], 0), len(one[1])))
            raise self.refuse(keys, message)


def _meant(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    """Of a value that fits none of several forms what is wrong in the form that shares most keys with it."""
    while error.validator == "oneOf" and error.context:
        forms = defaultdict(list)
        for one in error.context:
            forms[one.relative_schema_path[0]].append(one)
        value = error.instance

        def likeness(form: int, value: Any = value, error: Any = error, forms: Any = forms) -> tuple[int, int]:
            shared = error.validator_value[form].get("properties", {}).keys() & set(
                value if isinstance(value, dict) else ()
            )
            return -sum(len(one.relative_path) <= 1 and one.validator in ("const", "type") for one in forms[form]), len(
                shared
            )

        best = max(forms, key=likeness)
        if isinstance(value, dict) and not likeness(best)[1]:
            return error
        error = min(forms[best], key=lambda one: (one.validator != _UNKNOWN, len(one.relative_path)))
    return error


def _told(error: jsonschema.ValidationError) -> tuple[Keys, str]:
    """Where and what is wrong, in words, nothing long of the file among them."""
    keys: Keys = tuple(error.absolute_path)
    value, wanted, rule = error.instance, error.validator_value, error.validator
    if rule == _UNKNOWN:
        known, patterns = error.schema.get("properties", {}), error.schema.get("patternProperties", {})
        key = next(key for key in value if key not in known and not any(re.search(one, key) for one in patterns))
        return (*keys, key), f"{_shown(key)} is no key that belongs here{_allowed(key, list(known))}"
    if rule == "oneOf" and isinstance(value, dict):
        forms = [form["required"] for form in wanted if "required" in form]
        key = next(iter(value), "")
        close = _allowed(key, [name for form in forms for name in form])
        return keys, f"fits none of the forms that belong here{close if 'mean' in close else ''}: " + "; or ".join(
            ", ".join(form) for form in forms
        )
    if rule == "required":
        return keys, f"'{next(key for key in wanted if key not in value)}' is missing"
    if rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return keys, f"{_shown(value)} is not {' or '.join(_KINDS.get(kind, kind) for kind in kinds)}"
    if rule == "enum":
        return keys, f"{_shown(value)} is not one of {', '.join(str(one) for one in wanted)}"
    if rule == "pattern":
        there = error.schema.get("description")
        return keys, f"{_shown(value)} is not {there}" if there else f"{_shown(value)} does not match {wanted}"
    return keys, str(error.message)[:_LONGEST_MESSAGE]


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return _KINDS["object" if isinstance(value, dict) else "array"]
    text = str(value)
    return f"'{text[:_LONGEST_SHOWN]}{'…' if len(text) > _LONGEST_SHOWN else ''}'"


def _allowed(key: str, known: Sequence[str]) -> str:
    close = get_close_matches(key, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; the keys are {', '.join(known)}" if known else ""


def name(keys: Keys) -> str:
    """Keys as messages write them."""
    return ".".join(str(key) for key in keys)


def read(path: Path, error: type[ServerError], mark: str = "") -> Document:
    """Read a YAML file. Raises `error` naming file and line for anything that is not plain, exact YAML.

    Unquoted text stays text (dates and times too); whole numbers are int, true and false bool, nothing is None.
    `mark`: a key that the file must have; of one without it no message tells any of the content.
    """
    try:
        if path.exists() and not path.is_file():
            raise error(f"{path}: is no file; name one, such as regulations/ambon/2026.yaml")
        if path.stat().st_size > 4 * MAX_CHARACTERS:
            raise error(f"{path}: longer than {MAX_CHARACTERS} characters")
        text = path.read_text(encoding="utf-8")
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror}); check the name and the rights") from None
    except UnicodeDecodeError as cause:
        raise error(f"{path}: not UTF-8 (byte {cause.start}); save it as UTF-8") from None
    return parse(text, path, error, mark)


def parse(text: str, path: Path, error: type[ServerError], mark: str = "") -> Document:
    """As `read`, of a text; `path` is for the messages."""
    if mark and text.strip() and not re.search(rf"(^|[\s{{,\"']){mark}[\"']?\s*:", text):
        raise error(f"{path}: no file of rules: '{mark}:' is missing")
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
