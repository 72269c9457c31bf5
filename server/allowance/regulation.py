"""Regulations: dated YAML read, validated and resolved into steps; errors name file, line and key."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from os.path import relpath
from pathlib import Path
from typing import Any

from server.allowance import tables as kinds
from server.allowance.tables import Brackets, DatedEvents, Events, Keys, Rates, ScoreBands, Table, fraction
from server.allowance.values import MONEY_INPUTS
from server.attendance import document
from server.attendance.calendar import Calendar
from server.attendance.document import Document
from server.attendance.rules import DayRules, Excuses, day_rules, excuses
from server.errors import RegulationError

SCHEMA = Path(__file__).parents[2] / "regulations" / "schema.json"
_NO_CROSSING = "runs of absence end with the month: the inputs say nothing of the absences before it; write false"
WORKING = "working"
"""The account of a step that only later steps use: it pays and takes nothing."""


@dataclass(frozen=True)
class Rounding:
    """How a step's result is rounded: down, up, half_up or half_even to a multiple of `unit` rupiah."""

    mode: str
    unit: int


@dataclass(frozen=True)
class Ceiling:
    """A base counts up to `rupiah`, of which the employees' column `less` (or nothing) is used already."""

    rupiah: int
    less: str | None


@dataclass(frozen=True)
class By:
    """What multiplies a step's base: see `kind`; the rest is filled as that kind needs.

    events (`table` Events) · measure (score / `per`, or what lacks to it, or `table` ScoreBands) · rates (`table` of an
    `attribute`) · brackets (`table` Brackets of the category that `keys` gives for an `attribute`) · dues (kinds in
    `dues`, all when empty) · not_employed (calendar days of the month outside the employment) · constant.
    `dated`: the tables of events of a month in which another regulation follows; empty: `table` all month.
    """

    kind: str
    table: Table | None = None
    keys: Keys | None = None
    attribute: str = ""
    until: str = ""
    measure: str = ""
    per: int = 1
    shortfall: bool = False
    missing: str = "hold"
    dues: tuple[str, ...] = ()
    dated: tuple[DatedEvents, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step: sign × base × base_fraction × fraction × what `by` counts, capped, rounded.

    `base` holds terms `component:x`, `step:x`, `input:x`, `running` (all steps so far), `rupiah:N`; their sum below 0
    counts as 0. `account`: gross, deduction, dues, tax, or WORKING. `cap_day` and `cap_month` are shares of the base;
    `cap_running`: never more than what is left.
    """

    id: str
    name: dict[str, str]
    account: str
    sign: int
    base: tuple[str, ...]
    base_fraction: Fraction
    fraction: Fraction
    by: By
    when: dict[str, Any]
    cap_day: Fraction | None
    cap_month: Fraction | None
    cap_running: bool
    ceiling: Ceiling | None
    rounding: Rounding
    article: str
    certainty: str
    effect: str = ""


@dataclass(frozen=True)
class Gate:
    """A condition on the person: `ineligible` (no allowance) or `hold` (computed, not paid yet)."""

    id: str
    effect: str
    when: dict[str, Any]
    name: dict[str, str]
    article: str
    certainty: str


@dataclass(frozen=True)
class Component:
    """A component of the allowance with the amount of each class, rupiah."""

    id: str
    name: dict[str, str]
    amounts: dict[str, int]


@dataclass(frozen=True)
class Assumed:
    """A value that no source was found for (certainty A): where it stands; `file` is relative to the regulation."""

    file: str
    line: int
    key: str
    article: str


@dataclass(frozen=True)
class Regulation:
    """A regulation resolved: everything the computation reads. `valid_to` None: until replaced."""

    id: str
    name: str
    source: str
    path: Path
    valid_from: date
    valid_to: date | None
    sha256: str
    day: DayRules
    excuses: Excuses
    components: tuple[Component, ...]
    steps: tuple[Step, ...]
    gates: tuple[Gate, ...]
    calendar: Calendar | None
    documents: tuple[Document, ...]

    def holds_on(self, day: date) -> bool:
        """Whether the regulation is in force on a date."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def assumed_values(self) -> list[Assumed]:
        """Every value marked A, with file, line and key: closing a month needs a decree that adopts them."""
        return [
            Assumed(
                relpath(source.path, self.path.parent),
                source.lines[keys],
                document.name(keys),
                value.get("article", ""),
            )
            for source in self.documents
            for keys, value in judged(source.value)
            if value["certainty"] == "A"
        ]


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The JSON Schema of regulations."""
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return loaded


def load(path: Path | str) -> Regulation:
    """Read a regulation and the files that it uses. Raises RegulationError naming file, line and key."""
    main = _read(Path(path))
    used = {
        name: _read(main.path.parent / file, ("uses", name), main) for name, file in main.value.get("uses", {}).items()
    }
    return _Resolver(main, used).regulation()


def _read(path: Path, keys: document.Keys = (), user: Document | None = None) -> Document:
    if user is not None and not path.exists():
        raise user.refuse(keys, f"there is no file {path}")
    source = document.read(path, RegulationError, "format")
    if isinstance(source.value, dict) and "shifts" in source.value:
        raise source.refuse((), "a calendar, not a regulation; a regulation names it as its calendar")
    source.check(schema())
    return source


def load_part(path: Path | str) -> tuple[Document, tuple[Step, ...]]:
    """A file that regulations use, and its steps, the groups that it needs taken for empty.

    Raises RegulationError naming file, line and key.
    """
    source = _read(Path(path))
    return source, _Resolver(source, {}).part()


def judged(value: Any, keys: document.Keys = ()) -> Iterator[tuple[document.Keys, dict[str, Any]]]:
    """Every entry that names its certainty, with its keys, outermost first."""
    if isinstance(value, dict) and "certainty" in value:
        yield keys, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from judged(one, (*keys, key))


class _Resolver:
    """Resolves names to steps, tables and components, in the order of the file."""

    def __init__(self, main: Document, used: dict[str, Document]) -> None:
        self.main, self.used = main, used
        self.steps: list[Step] = []
        self.parts: dict[str, tuple[str, ...]] = {}
        self.gates: dict[str, tuple[Document, document.Keys]] = {}

    def regulation(self) -> Regulation:
        main, value = self.main, self.main.value
        for required in ("day", "excuses", "steps"):
            if required not in value:
                only = "; a file that regulations use is none by itself" if "needs" in value else ""
                raise main.refuse((), f"'{required}' is missing{only}")
        for name, source in self.used.items():
            lacking = [group for group in source.value.get("needs", []) if group not in value.get("groups", {})]
            if lacking:
                raise main.refuse(("uses", name), f"{source.path.name} needs the group '{lacking[0]}' in groups")
        components = self._components()
        documents = (main, *self.used.values())
        for source in documents:
            for place, gate in enumerate(source.value.get("gates", [])):
                if gate["id"] in self.gates:
                    raise source.refuse(("gates", place, "id"), f"a second gate '{gate['id']}'")
                self.gates[gate["id"]] = (source, ("gates", place))
        for place, entry in enumerate(value["steps"]):
            self._entry(entry, ("steps", place))
        self._all_gates_applied()
        valid_from, valid_to = self._date("from"), self._date("to") if "to" in value else None
        if valid_to is not None and valid_to < valid_from:
            raise main.refuse(("to",), f"{valid_to} is before from: {valid_from}")
        calendar = Calendar.load(main.path.parent / value["calendar"]) if "calendar" in value else None
        text = "\0".join([*(source.text for source in documents), calendar.text if calendar else ""])
        return Regulation(
            id=value["id"],
            name=value["name"],
            source=value["source"],
            path=main.path,
            valid_from=valid_from,
            valid_to=valid_to,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            day=day_rules(value["day"]),
            excuses=excuses(value["excuses"]),
            components=components,
            steps=tuple(self.steps),
            gates=tuple(self._gate(*place) for place in self.gates.values() if not _is_step(*place)),
            calendar=calendar,
            documents=documents,
        )

    def part(self) -> tuple[Step, ...]:
        for name in self.main.value.get("tables", {}):
            kinds.table(self.main, name)
        for place, entry in enumerate(self.main.value.get("steps", [])):
            self._step(self.main, entry, ("steps", place))
        return tuple(self.steps)

    def _date(self, key: str) -> date:
        try:
            return date.fromisoformat(self.main.value[key])
        except ValueError:
            raise self.main.refuse((key,), f"{self.main.value[key]} is not a date of the calendar") from None

    def _components(self) -> tuple[Component, ...]:
        value = self.main.value
        components = value.get("components", {})
        amounts: dict[str, dict[str, int]] = {name: {} for name in components}
        for place, entry in enumerate(value.get("classes", [])):
            for name, rupiah in entry["amounts"].items():
                if name not in components:
                    raise self.main.refuse(("classes", place, "amounts", name), "is not one of the components")
                if str(entry["class"]) in amounts[name]:
                    raise self.main.refuse(("classes", place, "class"), f"class {entry['class']} has two amounts")
                amounts[name][str(entry["class"])] = rupiah
        for name in components:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise self.main.refuse(("components", name), "names are small letters, digits and _")
        return tuple(
            Component(name, entry.get("name", {"id": name, "en": name}), amounts[name])
            for name, entry in components.items()
        )

    def _entry(self, entry: dict[str, Any], keys: document.Keys) -> None:
        if "use" in entry:
            if entry["use"] not in self.used:
                raise self.main.refuse((*keys, "use"), f"'{entry['use']}' is not named in uses")
            source = self.used[entry["use"]]
            for place, inner in enumerate(source.value.get("steps", [])):
                self._step(source, inner, ("steps", place))
        elif "gate" in entry:
            if entry["gate"] not in self.gates or not _is_step(*self.gates[entry["gate"]]):
                raise self.main.refuse((*keys, "gate"), f"there is no gate '{entry['gate']}' that forfeits or reduces")
            self._gate_step(*self.gates[entry["gate"]])
        else:
            self._step(self.main, entry, keys)

    def _gate(self, source: Document, keys: document.Keys) -> Gate:
        gate = source.value["gates"][keys[1]]
        if gate["when"].get("run_crosses_month"):
            raise source.refuse((*keys, "when", "run_crosses_month"), _NO_CROSSING)
        return Gate(gate["id"], gate["effect"], gate["when"], gate["name"], gate.get("article", ""), gate["certainty"])

    def _gate_step(self, source: Document, keys: document.Keys) -> None:
        gate = source.value["gates"][keys[1]]
        if gate["effect"] == "reduce" and not {"fraction", "rounding"} <= set(gate):
            raise source.refuse(keys, "a gate that reduces needs fraction and rounding")
        if gate["effect"] == "reduce" and not {"flag", "not_flag"} & set(gate["when"]):
            raise source.refuse((*keys, "when"), "a reduction comes from a signed decision: name its flag")
        step = {
            "account": "deduction",
            "operation": "subtract",
            "base": "running",
            "rounding": {"mode": "down", "unit": 1},
            **{key: value for key, value in gate.items() if key != "effect"},
        }
        self._step(source, step, keys, gate["effect"])

    def _all_gates_applied(self) -> None:
        done = {step.id for step in self.steps}
        for name, (source, keys) in self.gates.items():
            if _is_step(source, keys) and name not in done:
                raise source.refuse(keys, f"the gate is applied by no step: add '- gate: {name}' to steps")

    def _step(self, source: Document, entry: dict[str, Any], keys: document.Keys, effect: str = "") -> None:
        name = entry["id"]
        if name in self.parts:
            raise source.refuse((*keys, "id"), f"a second step '{name}'")
        base = entry["base"]
        share = fraction(base["fraction"]) if isinstance(base, dict) and "fraction" in base else Fraction(1)
        if isinstance(base, dict) and "rupiah" in base:
            terms: tuple[str, ...] = (f"rupiah:{base['rupiah']}",)
        else:
            of = base["of"] if isinstance(base, dict) else base
            terms = self._terms([of] if isinstance(of, str) else of, source, (*keys, "base"))
        cap, ceiling, rounding = entry.get("cap", {}), entry.get("ceiling"), entry["rounding"]
        pieces = [(name, terms)]
        if entry.get("each"):
            pieces = [(f"{name}.{term.split(':')[-1]}", (term,)) for term in terms]
        by = self._by(source, entry.get("by", {}), (*keys, "by"))
        if "day" in cap and by.kind != "events":
            raise source.refuse((*keys, "cap", "day"), "only what counts events has days; cap the month")
        if entry.get("when", {}).get("run_crosses_month"):
            raise source.refuse((*keys, "when", "run_crosses_month"), _NO_CROSSING)
        for piece, piece_terms in pieces:
            step = Step(
                id=piece,
                name=self._name(entry["name"], piece_terms if entry.get("each") else ()),
                account=entry["account"],
                sign=1 if entry["operation"] == "add" else -1,
                base=piece_terms,
                base_fraction=share,
                fraction=fraction(entry.get("fraction", 1)),
                by=by,
                when=entry.get("when", {}),
                cap_day=fraction(cap["day"]) if "day" in cap else None,
                cap_month=fraction(cap["month"]) if "month" in cap else None,
                cap_running="amount" in cap,
                ceiling=Ceiling(ceiling["rupiah"], ceiling.get("less", "").removeprefix("input:") or None)
                if ceiling
                else None,
                rounding=Rounding(rounding["mode"], rounding["unit"]),
                article=entry.get("article", ""),
                certainty=entry["certainty"],
                effect=effect,
            )
            if kinds.denominator(step.by.table) * (share * step.fraction).denominator * step.by.per > 10**7:
                raise source.refuse(keys, "the product of the fractions is finer than 1/10,000,000")
            self.steps.append(step)
        self.parts[name] = tuple(f"step:{piece}" for piece, _ in pieces)

    def _name(self, name: dict[str, str], terms: tuple[str, ...]) -> dict[str, str]:
        if not terms or not terms[0].startswith("component:"):
            return name
        component = self.main.value["components"][terms[0].split(":")[1]].get("name", name)
        return {language: f"{name[language]}: {component[language]}" for language in name}

    def _terms(
        self, names: Sequence[str], source: Document, keys: document.Keys, inside: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        """The names of a base as terms, groups opened, none twice. `inside`: the groups that are open."""
        terms: dict[str, None] = {}
        for name in names:
            if name in inside:
                raise self.main.refuse(("groups", name), "contains itself")
            if name in self.main.value.get("groups", {}):
                inner = self._terms(self.main.value["groups"][name], source, keys, (*inside, name))
                terms.update(dict.fromkeys(inner))
            elif name in self.main.value.get("needs", []):
                continue
            elif name in self.parts:
                terms.update(dict.fromkeys(self.parts[name]))
            elif name in self.main.value.get("components", {}):
                terms[f"component:{name}"] = None
            elif name == "running" or name in [f"input:{column}" for column in MONEY_INPUTS]:
                terms[name] = None
            else:
                where, place = (self.main, ("groups", inside[-1])) if inside else (source, keys)
                raise where.refuse(place, f"'{name}' is no component, group, input or earlier step")
        return tuple(terms)

    def _by(self, source: Document, by: dict[str, Any], keys: document.Keys) -> By:
        if not by:
            return By("constant")
        if "events" in by:
            return By("events", table=self._table(source, by, "events", Events, keys))
        if "measure" in by:
            bands = self._table(source, by, "bands", ScoreBands, keys) if "bands" in by else None
            per, missing = by.get("per", 100), by["missing"]
            return By("measure", bands, None, "", "", by["measure"], per, by.get("shortfall", False), missing)
        if "rates" in by:
            rates = self._table(source, by, "rates", Rates, keys)
            return By("rates", rates, attribute=by["attribute"], until=by.get("until", ""))
        if "brackets" in by:
            keyed = self._table(source, by, "keys", Keys, keys)
            brackets = self._table(source, by, "brackets", Brackets, keys)
            assert isinstance(keyed, Keys)
            assert isinstance(brackets, Brackets)
            strange = sorted(set(keyed.keys.values()) - set(brackets.brackets))
            if strange:
                raise source.refuse((*keys, "keys"), f"gives the category '{strange[0]}', which has no brackets")
            return By("brackets", brackets, keyed, attribute=by["attribute"])
        if "dues" in by:
            return By("dues", dues=() if by["dues"] == "all" else tuple(by["dues"]))
        return By("not_employed")

    def _table(self, source: Document, by: dict[str, Any], key: str, kind: type, keys: document.Keys) -> Table:
        name = by[key]
        if name not in source.value.get("tables", {}):
            raise source.refuse((*keys, key), f"there is no table '{name}' in tables")
        table = kinds.table(source, name)
        if not isinstance(table, kind):
            raise source.refuse((*keys, key), f"the table '{name}' is not of the kind that belongs here")
        return table


def _is_step(source: Document, keys: document.Keys) -> bool:
    return source.value["gates"][keys[1]]["effect"] in ("forfeit", "reduce")
