"""The page on the server names the commands, keys and paths that there are."""

import dataclasses
import re
import shlex

from fastapi import APIRouter
from harness import ROOT

from server import cli
from server.config import ServerConfig
from server.devices.routes import router as devices
from server.enrolment.routes import router as enrolment
from server.transparency.routes import router as transparency

PAGE = (ROOT / "docs" / "server.md").read_text()


def test_each_command_on_the_page_can_be_given():
    lines = re.findall(r"^    hadir server (.+)$", PAGE, re.MULTILINE) + re.findall(
        r"`hadir server ([a-z]+ [^`]*)`", PAGE
    )
    assert len(lines) > 14
    for line in lines:
        assert callable(cli._parser().parse_args(shlex.split(line)).command)


def test_each_key_of_the_configuration_is_explained():
    explained = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    assert explained == {field.name for field in dataclasses.fields(ServerConfig)}


def test_each_path_is_listed():
    def paths(router: APIRouter):
        for route in router.routes:
            short = route.path.replace("{device}", "D").replace("{version}", "V").replace("{seq}", "SEQ")
            yield from (f"{method} {short}" for method in route.methods)

    there = {path for router in (devices, enrolment, transparency) for path in paths(router)} | {"GET /v1/status"}
    listed = {line.partition("?")[0] for line in re.findall(r"^\| `((?:GET|POST) [^`]+)`", PAGE, re.MULTILINE)}
    assert listed == there
