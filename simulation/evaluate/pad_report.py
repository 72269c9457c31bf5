"""The report of an evaluation as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kiosk.errors import KioskError
from simulation.evaluate.pad import COMBINED

_MEASURED_WITH = ("mediapipe", "opencv-python-headless", "dlib-bin", "numpy")


def write_report(path: Path, found: Mapping[str, Any], drawn: Mapping[str, Path]) -> None:
    """Write `found` (the evaluation's JSON object) and the curves drawn of it. Raises `KioskError` when it cannot."""
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    text = templates.get_template("report.html.j2").render(
        found=found,
        cells=_cells,
        share=_share,
        cues=[cue for cue in dict.fromkeys(c for row in found["species"] for c in row["cues"]) if cue != COMBINED],
        pictures={cue: base64.b64encode(picture.read_bytes()).decode() for cue, picture in drawn.items()},
        versions=", ".join(
            (f"Python {platform.python_version()}", *(f"{one} {version(one)}" for one in _MEASURED_WITH))
        ),
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise KioskError(f"the report {path} cannot be written ({error.strerror}): is its folder there?") from error


def _cells(one: Mapping[str, Any]) -> Markup:
    low, high = one["interval"]
    some = Markup(' class="some"') if one["errors"] else ""
    return Markup("<td>{}</td><td{}>{}</td><td>{}</td><td>{} to {}</td><td>{}</td>").format(
        *(one["presentations"], some, one["errors"], _percent(one["rate"])),
        *(_percent(low), _percent(high), one["non_response"]),
    )


def _share(one: Mapping[str, Any] | None) -> str:
    answered = 0 if one is None else one["presentations"] - one["non_response"]
    return f"{one['errors']} of {answered}" if one is not None and answered else "–"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
