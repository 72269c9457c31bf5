"""The gallery on the device: only what is signed, sealed for it and newer is applied, whole or not at all."""

from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk.appliance.running import _first_site
from kiosk.clock import FrameClock, Reading, SystemClock
from kiosk.errors import GalleryError
from kiosk.files import write_durably
from kiosk.recognition.gallery import GalleryStore
from kiosk.uplink.device import Device
from kiosk.uplink.syncstate import SyncState
from protocol.cursor import Cursor
from protocol.gallery import Gallery, Person, seal
from protocol.manifest import Delegation, GalleryReference, Manifest
from protocol.merkle import EMPTY_ROOT, Frontier
from protocol.note import Signer
from protocol.roster import Roster, Supervisor

GALLERY_KEY = Signer.from_seed("hadir.example/gallery", bytes(32))
ROOT = Signer.from_seed("hadir.example/root", bytes(32))
DEVICE = Device(
    "K01",
    "hadir.example",
    Signer.from_seed("hadir.example/device/K01", bytes(32)),
    X25519PrivateKey.from_private_bytes(bytes(32)),
    ROOT.verifier,
    Delegation(1, 0, 10**15, str(GALLERY_KEY.verifier), str(GALLERY_KEY.verifier)),
)
EMBEDDER = ("dlib", 4)
NOW_MS = 1_790_000_000_000


def offer(store, version=1, signer=GALLERY_KEY, device="K01", people=("ab" * 16,), alter=False, **changes):
    """Leave a manifest and its gallery in the inbox, as sync does."""
    matrix = np.arange(4 * len(people), dtype="<f4").tobytes()
    persons = tuple(Person(person, "Siti", 1) for person in people)
    embedder, threshold = changes.pop("embedder", "dlib"), changes.pop("threshold", 4500)
    alike, pairs = changes.pop("alike", ()), changes.pop("pairs", 0)
    whose = device, DEVICE.sealing.public_key().public_bytes_raw()
    sealed = seal(Gallery(version, embedder, 4, threshold, 300, persons, matrix, pairs=pairs, alike=alike), *whose)
    other = changes.pop("gallery_of", None)
    reference = GalleryReference(version, sha256(sealed).hexdigest(), len(sealed))
    manifest = Manifest(device, version, NOW_MS, NOW_MS + 1000, "Kantor A", "WIT", ("sim",), reference)
    if other is not None:  # one that is as genuine, of another manifest
        sealed = seal(Gallery(other, embedder, 4, threshold, 300, persons, matrix), *whose)
    store.offer(replace(manifest, **changes).sign(signer), sealed[:-1] + b"x" if alter else sealed)


@pytest.fixture
def store(tmp_path):
    return GalleryStore(tmp_path, DEVICE)


def apply(store, now_ms=NOW_MS):
    return store.apply(*EMBEDDER, now_ms)


def test_what_is_offered_is_applied_once_and_found_at_the_next_start(store):
    offer(store)
    site = apply(store)
    assert site.templates.matrix.tolist() == [[0, 1, 2, 3]]
    assert site.names == {"ab" * 16: "Siti"}
    assert apply(store) is None
    assert store.load(*EMBEDDER).digest == site.digest


def test_no_name_and_no_template_lies_readable_on_the_disk(store, tmp_path):
    offer(store)
    apply(store)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"Siti" not in path.read_bytes()
            assert np.arange(4, dtype="<f4").tobytes() not in path.read_bytes()


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        pytest.param({"version": 1}, "has version 1, 2 is applied already", id="rollback"),
        pytest.param({"version": 3, "device": "K02"}, "is for K02, this device is K01", id="wrong device"),
        pytest.param(
            {"version": 3, "signer": Signer.generate("hadir.example/gallery")}, "not signed by", id="arbitrary software"
        ),
        pytest.param({"version": 3, "expires_ms": NOW_MS - 1}, "has expired", id="freeze"),
        pytest.param({"version": 3, "alter": True}, "is not the one its manifest names", id="altered"),
        pytest.param({"version": 3, "gallery_of": 2}, "is not the one its manifest names", id="mix-and-match"),
        pytest.param({"version": 3, "embedder": "other"}, "was made by the embedder other", id="another embedder"),
        pytest.param({"version": 3, "threshold": -9000}, "does not recognise", id="self-test"),
    ],
)
def test_what_must_not_be_applied_is_refused_and_what_was_applied_stays(store, offered, message):
    offer(store, 2)
    before = apply(store)
    offer(store, **offered)
    with pytest.raises(GalleryError, match=message):
        apply(store)
    assert store.load(*EMBEDDER).digest == before.digest
    if "signer" not in offered:
        assert apply(store) is None


def test_a_small_gallery_that_was_calibrated_by_no_pairs_is_not_calibrated(store):
    offer(store)
    assert apply(store).templates.basis == "stated", "one person makes no pair"
    offer(store, 2, people=("ab" * 16, "cd" * 16))
    assert apply(store).templates.basis == "none"
    offer(store, 3, people=("ab" * 16, "cd" * 16), pairs=1)
    assert apply(store).templates.basis == "stated"


def test_a_gallery_of_another_embedder_is_said_in_place_of_a_missing_one(store):
    offer(store, embedder="other")
    model = SimpleNamespace(identity=EMBEDDER[0], dimension=EMBEDDER[1])
    site, fault = _first_site(store, model, FrameClock(NOW_MS))
    assert site.templates is None
    assert site.fault == fault
    assert "made by the embedder other, this device runs dlib: write the former as embedder in kiosk.yaml" in fault


def test_an_applied_manifest_that_expired_still_runs(store):
    offer(store)
    apply(store)
    assert store.load(*EMBEDDER).templates is not None


def test_a_clock_that_was_set_back_revives_no_manifest_that_expired_before_the_one_applied(store):
    offer(store, version=1, issued_ms=NOW_MS + 2000, expires_ms=NOW_MS + 3000)
    apply(store, NOW_MS + 2000)
    offer(store, version=2)
    with pytest.raises(GalleryError, match="manifest 2 has expired"):
        apply(store, NOW_MS)
    assert store.load(*EMBEDDER).manifest.version == 1, "what runs goes on running"


@pytest.mark.parametrize(("heard_ms", "boot", "passed_ms"), [(1001, "ab" * 16, 0), (500, None, 501)])
def test_a_clock_that_was_set_back_revives_no_manifest_that_expired_before_the_server_was_heard(
    store, tmp_path, heard_ms, boot, passed_ms
):
    now = SystemClock().read()
    cursor = Cursor("K01", "ab" * 8, 0, EMPTY_ROOT, NOW_MS + heard_ms)
    with closing(SyncState(tmp_path / "sync.db")) as state:
        heard = Reading(boot or now.boot, now.boottime_ms - passed_ms, 0, "unset")
        state.save(cursor, Frontier(), cursor.sign(GALLERY_KEY), 1, heard)
    offer(store)
    with pytest.raises(GalleryError, match="manifest 1 has expired"):
        apply(store, NOW_MS - 10**10)
    renewed = Delegation(2, 0, 10**15, str(GALLERY_KEY.verifier), str(GALLERY_KEY.verifier))
    write_durably(tmp_path / "delegations" / "2.note", renewed.sign(ROOT))
    offer(store)
    assert apply(store).manifest.version == 1, "root's next word ends what a server with a wrong clock signed"


def test_a_delegation_that_was_issued_later_than_the_clock_says_moves_it(store, tmp_path):
    renewed = Delegation(2, NOW_MS + 2000, 10**15, str(GALLERY_KEY.verifier), str(GALLERY_KEY.verifier))
    write_durably(tmp_path / "delegations" / "2.note", renewed.sign(ROOT))
    offer(store)
    with pytest.raises(GalleryError, match="manifest 1 has expired"):
        apply(store, NOW_MS)


def test_an_applied_gallery_that_was_damaged_is_named(store, tmp_path):
    offer(store)
    apply(store)
    path = next((tmp_path / "applied").glob("gallery-*.sealed"))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(GalleryError, match="gallery-1.sealed is not the one"):
        store.load(*EMBEDDER)
    assert not store.is_whole()
    offer(store)
    assert apply(store).templates is not None
    assert store.is_whole()


def test_an_applied_manifest_that_was_damaged_is_replaced(store, tmp_path):
    offer(store)
    apply(store)
    (tmp_path / "applied" / "manifest.note").write_bytes(b"garbage")
    assert store.applied_version() == 0
    offer(store)
    assert apply(store).templates is not None


def test_a_roster_comes_with_its_manifest_and_one_of_another_manifest_is_refused(store, tmp_path):
    supervisors = Roster((Supervisor("", "", "cd" * 16),))
    public = DEVICE.sealing.public_key().public_bytes_raw()
    offer(store, version=2, sources=("sim", "attested"), settings={"roster": supervisors.seal("K01", 2, public)})
    site = apply(store)
    assert (site.roster, site.attests) == (supervisors, True)
    assert store.load(*EMBEDDER).roster == supervisors
    assert not any(b"cd" * 16 in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    offer(store, version=3, settings={"roster": supervisors.seal("K01", 2, public)})
    with pytest.raises(GalleryError, match="roster"):
        apply(store)
    offer(store, version=4)
    site = apply(store)
    assert (site.roster, site.attests) == (Roster(), False), "what a manifest does not say, nobody is"


def test_a_gallery_of_nobody_is_a_gallery(store):
    offer(store, people=())
    assert apply(store).templates.people == ()


def test_look_alikes_of_a_gallery_are_known_by_name_to_the_search(store):
    people = tuple(letter * 16 for letter in ("ab", "cd", "ef"))
    offer(store, people=people, alike=((0, 1), (1, 2)))
    assert apply(store).templates.alike == {
        "ab" * 16: ("cd" * 16,),
        "cd" * 16: ("ab" * 16, "ef" * 16),
        "ef" * 16: ("cd" * 16,),
    }


@pytest.mark.parametrize(("ours", "part"), [(0, 0), (14, 0), (15, 15), (20, 0)])
def test_an_office_is_a_part_once_its_own_pairs_calibrate_it(store, ours, part):
    everybody = tuple(f"{n:032x}" for n in range(20))
    public = DEVICE.sealing.public_key().public_bytes_raw()
    told = Roster(office=(*everybody[:ours], "ff" * 16))
    offer(store, people=everybody, settings={"roster": told.seal("K01", 1, public)})
    office = apply(store).office
    assert (0 if office is None else len(office.people)) == part
    again = store.load(*EMBEDDER).office
    assert (office is None) == (again is None)
