"""`hadir kiosk calibrate`: what this device's threshold and margin rest on, in words."""

from __future__ import annotations

from kiosk.config import KioskConfig
from kiosk.errors import GalleryError
from kiosk.matcher import Templates, calibration_of
from kiosk.recognition.embedder import open_embedder
from kiosk.recognition.gallery import GalleryStore, Site
from kiosk.uplink.device import load_device
from protocol.calibration import FPIR, STATED_TAIL, STATED_THRESHOLD, alike

_MOST_LISTED = 5


def calibrate(config: KioskConfig) -> list[str]:
    """Sentences on the gallery that the station runs on; GalleryError when there is none."""
    store = GalleryStore(config.state_dir, load_device(config.state_dir))
    embedder = open_embedder(config.embedder, config.models)
    return explain(store.load(embedder.identity, embedder.dimension))


def explain(site: Site) -> list[str]:
    """Sentences on a site's threshold: where it is from, what it costs, who is hard to tell apart."""
    templates = site.templates
    if templates is None or not templates.people:
        raise GalleryError(
            site.fault
            or "there is no gallery yet: enrol people, let sync bring it (hadir kiosk sync --once), a station apply it"
        )
    people = len(templates.people)
    found = calibration_of(templates)
    lines = [f"{people} people with {len(templates.matrix)} templates of {templates.embedder}."]
    if found.basis == "pairs":
        lines.append(
            f"{found.pairs} pairs of different people here score {found.centre:.2f} in the middle, with a spread of "
            f"{found.spread:.3f}. A stranger who stands before this kiosk is taken for one of the {people} about once "
            f"in {round(1 / FPIR)} visits, if people here are no more alike than those pairs."
        )
    elif found.basis == "stated":
        centre, spread = STATED_TAIL
        lines.append(
            f"{found.pairs} pairs of different people are too few to calibrate by: each counts for a hundredth, and "
            f"{100 - found.pairs} hundredths are of people measured elsewhere, who score {centre:.2f} in the middle, "
            f"with a spread of {spread:.3f} (docs/accuracy.md). Until 15 people are enrolled the threshold is no wider "
            f"than {STATED_THRESHOLD}, at which no stranger was named there."
        )
    else:
        lines.append("No figure is known for this embedder: the kiosk is not ready until 15 people are enrolled.")
    lines.append(
        f"Known is who scores {templates.threshold:.3f} or less and {templates.margin:.3f} less than anybody else; "
        "who misses that narrowly is asked again."
    )
    if abs(found.threshold - templates.threshold) > 1e-3 or found.basis != templates.basis:
        lines.append(
            f"The server set this; reckoned here it would be {found.threshold:.3f} ({found.basis}). "
            "Let the server make a new gallery: hadir server approve, or any change of people."
        )
    if site.office is not None:
        lines.append(
            f"{len(site.office.people)} of them are of this office: they are known from {site.office.threshold:.3f} "
            "too, by their own pairs, where nobody else of the gallery is as near. A stranger is then taken for one "
            f"of them about once more in {round(2 / FPIR)} visits."
        )
    return lines + _look_alikes(site, templates)


def _look_alikes(site: Site, templates: Templates) -> list[str]:
    """Pairs of enrolled people whom this rule may take for each other."""
    near = alike(templates.matrix, templates.counts, templates.threshold)
    if not near:
        return ["Nobody enrolled here is taken for another."]
    names = [f"{site.names.get(one, '?')} ({one[:8]})" for one in templates.people]
    return [f"Hard to tell apart: {names[a]} and {names[b]}, {value:.2f}." for value, a, b in near[:_MOST_LISTED]]
