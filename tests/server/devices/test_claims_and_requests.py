"""A token makes one device; a request is heard once, and only from the device that signed it."""

import json
import os
import stat
from dataclasses import replace

import pytest
from harness import NOW_MS, Kiosk, Server, http
from sqlalchemy import update

from protocol.note import Signer
from protocol.request import sign_request
from server.devices.models import devices


def token_of(server: Server, name: str) -> str:
    done = server.command("device", "add", name, "--site", "Kantor A", "--zone", "WIT", "--source", "sim")
    assert done.code == 0, done.err
    return done.out.strip()


def test_a_token_is_printed_claimed_once_and_the_same_keys_may_ask_again(running):
    token = token_of(running, "T1")
    device = Kiosk.new(running, "T1")
    first = device.claim(token)
    assert first.status_code == 200
    assert device.claim(token).json() == first.json()
    thief = Kiosk.new(running, "T1").claim(token)
    assert (thief.status_code, "used already" in thief.json()["error"]) == (403, True)
    again = running.command("device", "add", "T1", "--site", "B", "--zone", "WIB", "--source", "sim")
    assert (again.code, again.err.count("\n")) == (2, 1)


def test_a_wrong_secret_an_expired_token_and_a_foreign_key_name_are_refused(running):
    token = token_of(running, "T2")
    wrong = token.replace(token.split(".")[1], "A" * 26)
    assert Kiosk.new(running, "T2").claim(wrong).status_code == 403
    assert replace(Kiosk.new(running, "T2"), signer=Signer.generate("other/device/T2")).claim(token).status_code == 400
    parts = running.services()
    with parts.database.write() as connection:
        connection.execute(update(devices).where(devices.c.device == "T2"), {"token_expires_ms": NOW_MS - 1})
    parts.database.close()
    expired = Kiosk.new(running, "T2").claim(token)
    assert (expired.status_code, "expired" in expired.json()["error"]) == (403, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token": 1}', b"[" * 100_000, b"\xff"])
def test_a_claim_that_is_not_whole_is_refused_without_harm(running, body):
    answer = http.post(f"{running.base}/v1/claim", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("claim")


def test_the_first_manifest_says_where_the_device_hangs_and_what_counts(kiosk):
    manifest = kiosk.manifest()
    assert (manifest.device, manifest.version, manifest.site, manifest.zone) == (kiosk.name, 1, "Kantor A", "WIT")
    assert manifest.sources == ("sim",)
    assert manifest.expires_ms == NOW_MS + 30 * 86_400_000


def test_a_request_is_heard_once(kiosk):
    path = f"/v1/devices/{kiosk.name}/cursor"
    header = {"Authorization": sign_request(kiosk.signer, kiosk.name, "GET", path, b"", NOW_MS)}
    assert http.get(kiosk.server.base + path, headers=header).status_code == 200
    replayed = http.get(kiosk.server.base + path, headers=header)
    assert (replayed.status_code, replayed.headers["WWW-Authenticate"]) == (401, "Hadir")


def test_a_wrong_clock_of_the_device_is_no_reason_not_to_hear_it(kiosk):
    kiosk.wall_error_ms = -10 * 365 * 86_400_000
    assert kiosk.request("GET", "/cursor").status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"method": "POST"}, {"path": "/v1/status"}, {"body": b"x"}, {"device": "T9"}, {"signer": Signer.generate("x")}],
)
def test_a_signature_over_anything_else_is_refused(kiosk, change):
    path = f"/v1/devices/{kiosk.name}/cursor"
    right = {"signer": kiosk.signer, "device": kiosk.name, "method": "GET", "path": path, "body": b""}
    header = sign_request(**(right | change), time_ms=NOW_MS)
    assert http.get(kiosk.server.base + path, headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("header", [None, "Bearer x", "Hadir", 'Hadir device="../x",time="1"'])
def test_a_request_without_a_signature_is_refused(kiosk, header):
    headers = {} if header is None else {"Authorization": header}
    answer = http.get(f"{kiosk.server.base}/v1/devices/{kiosk.name}/cursor", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]


def test_a_device_cannot_ask_for_another(running, kiosk):
    path = "/v1/devices/T1/cursor"
    header = sign_request(kiosk.signer, kiosk.name, "GET", path, b"", NOW_MS)
    assert http.get(running.base + path, headers={"Authorization": header}).status_code == 403


def test_what_does_not_exist_is_said_in_json(running):
    for path, status in (("/", 404), ("/v1/nothing", 404), ("/v1/claim", 405), ("/v1/devices/%2e%2e/cursor", 401)):
        answer = http.get(running.base + path)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_a_body_that_is_too_long_is_refused(kiosk):
    answer = kiosk.request("POST", "/batches", os.urandom((1 << 20) + 1))
    assert (answer.status_code, list(answer.json())) == (413, ["error"])

    def endless():
        for _ in range(40):
            yield bytes(1 << 15)

    chunked = http.post(f"{kiosk.server.base}/v1/claim", content=endless())
    assert chunked.status_code == 413


def test_a_revoked_device_is_not_heard(kiosk):
    assert kiosk.server.command("revoke", kiosk.name, "--reason", "stolen").code == 0
    assert kiosk.request("GET", "/cursor").status_code == 403
    assert "revoked" in kiosk.server.command("devices").out


def test_status_names_the_installation(running, kiosk):
    status = http.get(f"{running.base}/v1/status").json()
    assert (status["origin"], status["clock"], status["time_ms"]) == ("hadir.example", "simulated", NOW_MS)
    assert status["root_key"] == str(kiosk.root)


def test_keys_and_database_are_for_their_owner_alone(running):
    state = running.directory / "state"
    for path in (*(state / "keys").iterdir(), state / "server.db"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_second_server_on_the_same_directory_is_refused(running):
    done = running.command("run")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "another server runs" in done.err


@pytest.mark.parametrize("field", ["token", "signing_key", "sealing_key", "proof"])
def test_half_a_surrogate_is_no_claim(running, field):
    key = str(Signer.generate("x").verifier)
    body = {"token": f"K01.{'A' * 26}.{'0' * 16}", "signing_key": key, "sealing_key": "AAAA", "proof": "AAAA"}
    body[field] = "\ud800" + body[field]
    answer = http.post(f"{running.base}/v1/claim", content=json.dumps(body))
    assert answer.status_code in (400, 403), answer.text
