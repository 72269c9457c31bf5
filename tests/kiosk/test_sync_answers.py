"""Whatever stands in the answers of a server, signed or not: sync goes on, and says in its own errors what is wrong."""

from contextlib import closing, suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.clock import FrameClock
from kiosk.errors import SyncError
from kiosk.records.journal import Journal
from kiosk.sync import Progress, Syncer
from kiosk.uplink.device import Device
from kiosk.uplink.transport import Answer, ServerBusy
from protocol import canonical
from protocol.cursor import Cursor
from protocol.manifest import Delegation, GalleryReference, Manifest
from protocol.note import Signer, sign_note

NOW_MS = 1_790_000_000_000
ROOT, ONLINE, DEVICE_KEY = (Signer.generate(f"hadir.example/{name}") for name in ("root", "online", "device/K01"))
DELEGATION = Delegation(1, 0, 10**15, str(ONLINE.verifier), str(ONLINE.verifier))
DEVICE = Device(
    "K01", "hadir.example", DEVICE_KEY, X25519PrivateKey.from_private_bytes(bytes(32)), ROOT.verifier, DELEGATION
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("answers")
    with closing(Journal(made / "journal.db", "K01", DEVICE_KEY, FrameClock(NOW_MS))) as journal:
        for _ in range(3):
            journal.append("camera", {"state": "stalled", "detail": ""})
    return made


numbers = st.one_of(st.integers(0, 5), st.integers(0, 10**16 - 1), st.just(2**53 - 1))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"\A[a-z]{1,4}\Z"), inner, max_size=3),
    max_leaves=5,
)


def note(magic, whole, signer):
    """A signed note that says the same as `whole` but for a few fields, which may be anything."""
    body = canonical.decode_object(whole.split(b"\n")[1])
    changed = st.dictionaries(st.sampled_from(sorted(body)), values, max_size=2)
    return changed.map(lambda other: sign_note(f"{magic}\n{canonical.encode(body | other).decode()}\n", signer))


MANIFEST = Manifest("K01", 3, NOW_MS, NOW_MS, "x", "WIT", ("sim",), GalleryReference(1, "ab" * 32, 5)).sign(ONLINE)
cursors = st.builds(
    lambda *fields: Cursor(*fields).sign(ONLINE),
    st.sampled_from(["K01", "K01", "K01", "K02"]),
    st.sampled_from(["ab" * 8, ""]),
    numbers,
    st.binary(max_size=32),
    numbers,
)
notes = st.one_of(
    cursors,
    note("hadir-manifest/1", MANIFEST, ONLINE),
    note("hadir-delegation/1", DELEGATION.sign(ROOT), ROOT),
    st.binary(max_size=60),
    texts.map(lambda text: sign_note(text + "\n", ONLINE)),
)
headers = st.dictionaries(
    st.sampled_from(["Hadir-Manifest", "Hadir-Delegation", "Hadir-Root"]),
    st.sampled_from(["", "1", "9", "²", "-1", "9" * 400, "\x00"]),
)
answers = st.builds(Answer, st.sampled_from([200, 201, 409]), headers, notes)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_contact_ends_in_progress_or_in_an_error_of_sync(folder, data):
    def send(method, path, body, sent):
        return data.draw(answers)

    with closing(Syncer(DEVICE, "http://127.0.0.1:9", folder, FrameClock(NOW_MS))) as syncer:
        syncer._transport.send = send
        syncer._transport.send_json = lambda method, path: {
            "delegation": data.draw(notes).decode(errors="replace"),
            "roots": data.draw(values | st.lists(notes.map(lambda note: note.decode(errors="replace")), max_size=2)),
        }
        for _ in range(2):
            with suppress(SyncError):
                assert isinstance(syncer.contact(), Progress)


def test_the_loop_goes_on_after_each_error_and_waits_longer(folder):
    waits, said = [], []
    errors = iter([SyncError("one"), ServerBusy("two", 900.0), SyncError("three")])

    def send(method, path, body, sent):
        raise next(errors)

    def stop(seconds):
        waits.append(seconds)
        return len(waits) == 3

    with closing(Syncer(DEVICE, "http://127.0.0.1:9", folder, FrameClock(NOW_MS))) as syncer:
        syncer._transport.send = send
        syncer.run(1.0, stop, said.append)
    assert said == ["no sync: one", "no sync: two", "no sync: three"]
    assert waits[1] >= 900.0


@pytest.mark.parametrize(
    "health", ["[" * 100_000, '{"a": 1.5}', '{"a": "\\ud800"}', '{"a": "' + "x" * 9000 + '"}', "9", '{"A": 1}', ""]
)
def test_a_health_file_that_a_batch_cannot_carry_is_left_out(tmp_path, health):
    from kiosk.sync import _health

    (tmp_path / "health.json").write_text(health)
    assert _health(tmp_path) == {}
