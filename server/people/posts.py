"""Posts (*jabatan*) and who holds them: the class that a month is paid by, and who acts in another's post."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection

from server import facts
from server.people.grants import CAPACITIES, DEFINITIVE
from server.people.models import POSTINGS, POSTS


@dataclass(frozen=True)
class Posts:
    """The posts by their identifier, and the postings of each employee, oldest first."""

    posts: Mapping[str, Mapping[str, Any]]
    postings: Mapping[str, Sequence[Mapping[str, Any]]]

    def class_of(
        self, employee_id: str, row: Mapping[str, Any], first: date, last: date
    ) -> tuple[str, tuple[str, ...]]:
        """The class by which an employee's month is paid, and what must be said of it.

        That of the post held on the last day of service in the month; without one, that of the employee's `row`.
        """
        begin, end = first.isoformat(), min(last.isoformat(), row["end_date"] or last.isoformat())
        job_class, told = row["job_class"], []
        for one in self.postings.get(employee_id, ()):
            if one["from"] > end or (one["to"] and one["to"] < begin):
                continue
            post = self.posts[one["post"]]
            name = f"{post['title'] or one['post']} (kelas {post['job_class']})"
            until = one["to"] or "seterusnya"
            if one["capacity"] != DEFINITIVE:
                told.append(f"{one['capacity'].capitalize()} {name} {one['from']} s.d. {until}: tanpa TPP tambahan")
            elif not one["to"] or end <= one["to"]:
                job_class = post["job_class"]
                if one["from"] > begin:
                    told.append(f"{name} sejak {one['from']}: sebulan penuh menurut kelas ini")
        if row["job_class"] not in ("", job_class):
            told.append(f"kelas {job_class} menurut jabatan, {row['job_class']} menurut data pegawai")
        return job_class, tuple(told)


def known(connection: Connection, cutoff_ms: int) -> Posts:
    """Posts and postings as the server knew them at `cutoff_ms`."""
    postings: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in sorted(facts.as_of(connection, POSTINGS, cutoff_ms), key=lambda row: row["from"]):
        postings[row["employee_id"]].append(row)
    return Posts({row["post"]: row for row in facts.as_of(connection, POSTS, cutoff_ms)}, postings)


def agencies_of(connection: Connection, posts: AbstractSet[str], now_ms: int) -> set[str]:
    """The agencies that these posts belong to now."""
    return {row["agency"] for row in facts.as_of(connection, POSTS, now_ms) if row["post"] in posts}


def contradictions(connection: Connection, now_ms: int) -> Iterator[str]:
    """What cannot be among the postings known now: unknown posts or capacities, two at once in one own post."""
    found = known(connection, now_ms)
    holders: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for employee_id, rows in sorted(found.postings.items()):
        for row in rows:
            if row["post"] not in found.posts:
                yield f"{employee_id}: there is no post {row['post']!r}; import posts with it first"
            if row["capacity"] not in CAPACITIES:
                yield f"{employee_id}: the capacity {row['capacity']!r} is none of {', '.join(CAPACITIES)}"
            if row["capacity"] == DEFINITIVE:
                holders["employee", employee_id].append(row)
                holders["post", row["post"]].append(row)
    for (what, name), rows in sorted(holders.items()):
        for before, after in pairwise(sorted(rows, key=lambda row: row["from"])):
            if not before["to"] or after["from"] <= before["to"]:
                other = "holds" if what == "employee" else "is held by"
                pair = [row["post"] if what == "employee" else row["employee_id"] for row in (before, after)]
                yield f"{what} {name} {other} {pair[0]} and {pair[1]} on {after['from']}: end the first before"
