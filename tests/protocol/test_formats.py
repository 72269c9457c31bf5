"""Entries, batches, checkpoints, cursors, manifests, galleries, claims and requests: round trips and refusals."""

from dataclasses import replace

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol import batch, entry, gallery
from protocol.checkpoint import Checkpoint, open_checkpoint
from protocol.claim import Token
from protocol.cursor import Cursor, open_cursor
from protocol.entry import Entry
from protocol.errors import ProtocolError, SignatureInvalid
from protocol.manifest import Delegation, GalleryReference, Manifest, open_delegation, open_manifest
from protocol.merkle import Frontier
from protocol.note import Signer
from protocol.request import parse_authorization, sign_request

BOOT = "00" * 16
KEY = Signer.from_seed("hadir.example/device/K01", bytes(32))
PRESENCE = Entry(
    "K01", 7, "presence", BOOT, 120_000, 1_790_000_000_000, "synchronised",
    {
        "person": "ab" * 16, "presented_boottime_ms": 117_500, "source": "picamera2", "gallery": 3,
        "distance_e4": 3100, "margin_e4": None, "liveness": "live", "prompts": ["blink"], "measures": {},
    },
)  # fmt: skip
ATTESTED = {
    "person": "ab" * 16, "presented_boottime_ms": 60_000, "source": "picamera2", "gallery": 3, "tries": 2,
    "first_try": 1, "colleague": 5, "supervisor": 6,
}  # fmt: skip


def test_an_entry_comes_back_and_is_small():
    data = PRESENCE.encode()
    assert entry.decode(data) == PRESENCE
    assert len(data) < 450


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"device": "K 1"}, "device"),
        ({"seq": -1}, "seq"),
        ({"seq": True}, "seq"),
        ({"boot": "xy"}, "boot"),
        ({"clock": "right"}, "clock"),
        ({"kind": ""}, "kind"),
        ({"body": {}}, "person"),
        ({"body": PRESENCE.body | {"person": "Siti"}}, "person"),
        ({"body": PRESENCE.body | {"gallery": "3"}}, "gallery"),
        ({"body": PRESENCE.body | {"presented_boottime_ms": 120_001}}, "presented_boottime_ms"),
        ({"body": PRESENCE.body | {"seq": 1}}, "seq"),
        ({"body": PRESENCE.body | {"prompt_set": True}}, "prompt_set"),
        ({"body": PRESENCE.body | {"card": "3"}}, "card"),
        ({"body": PRESENCE.body | {"species": ""}}, "species"),
        ({"kind": "attested", "body": ATTESTED | {"colleague": PRESENCE.seq}}, "colleague"),
        ({"kind": "attested", "body": ATTESTED | {"first_try": -1}}, "first_try"),
        ({"body": PRESENCE.body | {"prompts": ["x" * 5000]}}, "4096"),
    ],
)
def test_an_entry_that_breaks_its_format_names_the_field(change, named):
    with pytest.raises(ProtocolError, match=named):
        replace(PRESENCE, **change).encode()


def test_an_attested_entry_and_one_with_alternative_prompts_come_back():
    for said in (
        replace(PRESENCE, kind="attested", body=ATTESTED),
        replace(PRESENCE, body=PRESENCE.body | {"prompt_set": 7}),
        replace(PRESENCE, body=PRESENCE.body | {"card": 3, "found_in": "agency"}),
    ):
        assert entry.decode(said.encode()) == said
        assert entry.identify(said.encode()) == (said.device, said.seq, said.kind)


def test_a_kind_of_the_future_is_kept():
    later = replace(PRESENCE, kind="foretold", body={"by": "x"})
    assert entry.decode(later.encode()) == later


def a_batch(entries, first=0):
    frontier = Frontier().append([b"x"] * first).append(entries)
    note = Checkpoint.of(KEY.name, frontier).sign(KEY)
    return batch.Batch("K01", first, tuple(entries), note, BOOT, 5, 6, "free", {"backlog": 0})


@given(st.integers(0, 5), st.integers(0, 4))
def test_a_batch_comes_back(first, count):
    sent = a_batch([replace(PRESENCE, seq=first + n).encode() for n in range(count)], first)
    assert batch.unpack(batch.pack(sent)) == sent


@given(st.binary(max_size=200))
def test_what_is_no_batch_is_refused_with_the_declared_error(data):
    for candidate in (data, zstandard.compress(data), zstandard.compress(b"hadir-batch/1\n" + data)):
        with pytest.raises(ProtocolError):
            batch.unpack(candidate)


def test_a_batch_that_unpacks_to_more_than_allowed_is_refused_before_unpacking():
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(64 << 20))
    with pytest.raises(ProtocolError, match="states an unpacked size"):
        batch.unpack(bomb)


def test_a_batch_with_fewer_entries_than_stated_is_refused():
    text = zstandard.decompress(batch.pack(a_batch([PRESENCE.encode()]))).replace(b'"count":1', b'"count":2')
    with pytest.raises(ProtocolError, match="2 entries"):
        batch.unpack(zstandard.compress(text))


def test_a_checkpoint_of_another_device_is_refused():
    note = Checkpoint.of(KEY.name, Frontier()).sign(KEY)
    assert open_checkpoint(note, KEY.verifier).size == 0
    other = Signer.from_seed("hadir.example/device/K02", bytes(32))
    with pytest.raises(SignatureInvalid):
        open_checkpoint(note, other.verifier)


def test_a_cursor_comes_back():
    cursor = Cursor("K01", "0123456789abcdef", 12, bytes(32), 1_790_000_000_000)
    assert open_cursor(cursor.sign(KEY), KEY.verifier) == cursor


def test_manifest_and_delegation_come_back():
    manifest = Manifest(
        "K01", 4, 1, 2, "Kantor A", "WIT", ("picamera2",), GalleryReference(3, "00" * 32, 10), {"prompts": 2}
    )
    assert open_manifest(manifest.sign(KEY), KEY.verifier) == manifest
    delegation = Delegation(1, 1, 2, str(KEY.verifier), str(KEY.verifier))
    assert open_delegation(delegation.sign(KEY), KEY.verifier) == delegation
    with pytest.raises(ProtocolError, match="hadir-manifest/1"):
        open_manifest(delegation.sign(KEY), KEY.verifier)


def a_gallery():
    people = (gallery.Person("ab" * 16, "Siti", 2), gallery.Person("cd" * 16, "Yopi", 1))
    return gallery.Gallery(3, "dlib", 4, 4500, 500, people, bytes(48))


def test_a_sealed_gallery_opens_only_for_its_device_version_and_key():
    private = X25519PrivateKey.generate()
    sealed = gallery.seal(a_gallery(), "K01", private.public_key().public_bytes_raw())
    assert gallery.unseal(sealed, "K01", 3, private) == a_gallery()
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for arguments in (
        (sealed, "K02", 3, private),
        (sealed, "K01", 2, private),
        (sealed, "K01", 3, X25519PrivateKey.generate()),
        (altered, "K01", 3, private),
        (b"", "K01", 3, private),
    ):
        with pytest.raises(ProtocolError, match="not sealed for"):
            gallery.unseal(*arguments)


def test_a_gallery_lists_look_alikes_among_its_own_people_or_nobody():
    plain = a_gallery()
    assert b"alike" not in plain.encode()  # a kiosk of before reads it
    listed = replace(plain, alike=((0, 1),))
    assert gallery.decode(listed.encode()) == listed
    for wrong in (b"[[0,2]]", b"[[1,0]]", b"[[0,0]]", b"[[0]]", b"[0]", b'[["a",1]]'):
        with pytest.raises(ProtocolError, match="look-alikes"):
            gallery.decode(listed.encode().replace(b"[[0,1]]", wrong))


def test_a_gallery_whose_matrix_does_not_fit_its_people_is_refused():
    with pytest.raises(ProtocolError, match="does not fit"):
        gallery.decode(a_gallery().encode()[:-4])


def test_a_token_is_read_as_printed():
    token = Token.new("K01", KEY.verifier)
    assert Token.parse(f" {token}\n") == token
    with pytest.raises(ProtocolError, match="not whole"):
        Token.parse(str(token)[:-1])


def test_a_signed_request_verifies_only_as_it_was_sent():
    header = sign_request(KEY, "K01", "POST", "/v1/devices/K01/batches", b"body", 1_790_000_000_000)
    parsed = parse_authorization(header)
    parsed.verify(KEY.verifier, "POST", "/v1/devices/K01/batches", b"body")
    for method, path, body in (
        ("GET", "/v1/devices/K01/batches", b"body"),
        ("POST", "/v1/devices/K02/batches", b"body"),
        ("POST", "/v1/devices/K01/batches", b"bodY"),
    ):
        with pytest.raises(SignatureInvalid):
            parsed.verify(KEY.verifier, method, path, body)
    with pytest.raises(ProtocolError):
        parse_authorization(header.replace("time=", "tim="))
