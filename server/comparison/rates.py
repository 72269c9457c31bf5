"""What the month itself shows of its rates: which shares each step took, of whom, and what each class is paid."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from server.comparison.values import OurPerson

COMMON_TAX = tuple(Fraction(number, 1000) for number in (0, 10, 15, 20, 25, 30, 50, 60, 100, 150))
"""Rates that old lists are known to use where the rules have others; an exact match to the rupiah is asked for."""


@dataclass(frozen=True)
class Rates:
    """`events`: step → kind → shares; `tax`: share → golongan of whom; `base_of_gross`: step → share of the gross
    that is its usual base; `gross_of_class`: class → usual gross."""

    events: dict[str, dict[str, set[Fraction]]] = field(default_factory=dict)
    tax: dict[Fraction, set[str]] = field(default_factory=dict)
    base_of_gross: dict[str, Fraction] = field(default_factory=dict)
    gross_of_class: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, people: Iterable[OurPerson], summaries: Iterable[Mapping[str, Any]] = ()) -> Rates:
        """The rates that a month's lines show, and those of events that its summaries name."""
        events: dict[str, dict[str, set[Fraction]]] = defaultdict(lambda: defaultdict(set))
        for summary in summaries:
            for step, entry in summary.get("steps", {}).items():
                for kind, shares in entry.get("costs", {}).items():
                    events[step][kind] |= {Fraction(share) for share in shares}
        tax: dict[Fraction, set[str]] = defaultdict(set)
        bases: dict[str, Counter[Fraction]] = defaultdict(Counter)
        classes: dict[str, Counter[int]] = defaultdict(Counter)
        for person in people:
            gross = person.amounts["gross"]
            if person.job_class and gross:
                classes[person.job_class][gross] += 1
            taxed = False
            for line in person.lines:
                if line.share is None or line.kind.startswith("cap"):
                    continue
                if line.account == "deduction" and line.date is not None:
                    events[line.step][line.kind].add(line.share)
                    if gross:
                        bases[line.step][Fraction(line.base, gross)] += 1
                elif line.account == "tax":
                    taxed = True
                    tax[line.share].add(person.golongan)
            if not taxed and gross:
                tax[Fraction(0)].add(person.golongan)
        return cls(
            {step: dict(kinds) for step, kinds in events.items()},
            dict(tax),
            {step: counter.most_common(1)[0][0] for step, counter in bases.items()},
            {name: counter.most_common(1)[0][0] for name, counter in classes.items()},
        )

    def tax_rates(self) -> Iterator[tuple[Fraction, tuple[str, ...]]]:
        """Rates of tax, those of the month first, each with the golongan that it was taken of."""
        for share in sorted(self.tax):
            yield share, tuple(sorted(name for name in self.tax[share] if name))
        for share in COMMON_TAX:
            if share not in self.tax:
                yield share, ()
