"""A new root: signed by the one before, believed by devices wherever they stood, the end of what the old one signs."""

import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kiosk.clock import FrameClock, SystemClock
from kiosk.config import KioskConfig
from kiosk.errors import ClaimError
from kiosk.recognition.gallery import GalleryStore
from kiosk.records.journal import Journal
from kiosk.records.pruning import DAY_MS
from kiosk.sync import Syncer
from kiosk.uplink.carrying import take
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import adopt_delegation, adopt_roots, load_device
from protocol.errors import ProtocolError
from protocol.manifest import Delegation
from protocol.national import open_log_key
from protocol.note import Signer, sign_note
from protocol.roots import follow, open_successor, succeed
from server import keys
from server.devices import carrying
from server.errors import ConfigError, Refused
from simulation import office
from tests.local_server import LocalServer

NOW_MS = office.midnight_ms(office.days_of("2026-10")[0])
EMBEDDER = ("dlib", 128)
NAME = "hadir.example/root"
ROOTS = [Signer.from_seed(NAME, bytes([n]) * 32) for n in range(4)]
CHAIN = [succeed(ROOTS[n], ROOTS[n + 1], n + 2, NOW_MS) for n in range(3)]


@dataclass
class Kiosk:
    """A claimed device and its server."""

    directory: Path
    server: LocalServer

    def contact(self):
        device = load_device(self.directory)
        with closing(Syncer(device, self.server.url, self.directory, FrameClock(NOW_MS))) as syncer:
            return syncer.contact()

    def apply(self, now_ms: int = NOW_MS):
        return GalleryStore(self.directory, load_device(self.directory)).apply(*EMBEDDER, now_ms)


def key_folder(server: LocalServer) -> Path:
    return server.parts.config.state_dir / "keys"


def new_root(server: LocalServer, now_ms: int = NOW_MS) -> Signer:
    """As `hadir server delegate --new-root` and a restart; the seed that was root's until then."""
    old = Signer.from_seed(
        server.parts.keyring.root.name, bytes.fromhex((key_folder(server) / "root.seed").read_text())
    )
    keyring = keys.succeed(key_folder(server), server.parts.config.origin, now_ms)
    server.parts = server._app.state.services = replace(server.parts, keyring=keyring)
    return old


@pytest.fixture
def kiosk(tmp_path):
    server = LocalServer(tmp_path / "server")
    claim(tmp_path / "kiosk", server.url, server.token("K01"))
    made = Kiosk(tmp_path / "kiosk", server)
    device = load_device(made.directory)
    with closing(Journal(made.directory / "journal.db", "K01", device.signer, FrameClock(NOW_MS))) as journal:
        journal.append("camera", {"state": "stalled", "detail": ""})
    made.contact()
    assert made.apply().manifest.version == 1
    yield made
    server.close()


def delegation(root: Signer, version: int) -> bytes:
    key = str(Signer.generate("hadir.test.example/gallery").verifier)
    return Delegation(version, NOW_MS, NOW_MS + DAY_MS, key, key).sign(root)


def test_a_new_root_comes_with_the_next_contact_and_ends_the_one_before(kiosk):
    stolen = new_root(kiosk.server)
    kiosk.contact()
    device = load_device(kiosk.directory)
    assert (device.root, device.former_roots) == (kiosk.server.parts.keyring.root, (stolen.verifier,))
    assert device.delegation.version == 2
    with pytest.raises(ProtocolError, match="not signed by"):
        adopt_delegation(kiosk.directory, device, delegation(stolen, 99))
    fork = succeed(stolen, Signer.generate(stolen.name), 3, NOW_MS)
    assert adopt_roots(kiosk.directory, device, [fork]).root == device.root
    kiosk.server.delegate(NOW_MS, new_keys=True)
    assert kiosk.contact().manifest == 2
    assert kiosk.apply().manifest.version == 2


def test_a_stolen_root_that_signed_a_version_beyond_all_others_ends_with_the_new_one(kiosk):
    root = Signer.from_seed(
        kiosk.server.parts.keyring.root.name, bytes.fromhex((key_folder(kiosk.server) / "root.seed").read_text())
    )
    held = load_device(kiosk.directory).delegation
    forged = replace(held, version=2**40).sign(root)
    adopt_delegation(kiosk.directory, load_device(kiosk.directory), forged)
    new_root(kiosk.server)
    kiosk.contact()
    assert load_device(kiosk.directory).delegation.version == 2


def test_a_device_that_was_away_while_root_changed_twice_follows(kiosk):
    for month in (5, 10):
        new_root(kiosk.server, NOW_MS + month * 30 * DAY_MS)
    late_ms = NOW_MS + 14 * 30 * DAY_MS
    kiosk.server.set_time(late_ms)
    assert kiosk.contact().backlog == 0
    device = load_device(kiosk.directory)
    assert (device.root, len(device.former_roots)) == (kiosk.server.parts.keyring.root, 2)
    assert device.delegation.version == 3
    assert device.delegation.expires_ms > late_ms


def test_it_comes_on_a_stick_too(kiosk, tmp_path):
    new_root(kiosk.server)
    kiosk.server.set_time(SystemClock().read().wall_ms)
    stick = tmp_path / "stick"
    stick.mkdir()
    carrying.give(kiosk.server.parts, "K01", stick)
    said = []
    take(KioskConfig(kiosk.directory, "sim:", kiosk.server.url), stick, said.append)
    assert said[0] == f"root {kiosk.server.parts.keyring.root} is believed from now on"
    assert load_device(kiosk.directory).delegation.version == 2


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\xff")])
def test_a_root_that_was_damaged_on_the_card_comes_again(kiosk, damage):
    for _ in range(2):
        new_root(kiosk.server)
    kiosk.contact()
    damage(kiosk.directory / "roots" / "2.note")
    assert load_device(kiosk.directory).former_roots == ()
    kiosk.contact()
    assert load_device(kiosk.directory).root == kiosk.server.parts.keyring.root


def test_a_server_that_lost_what_devices_follow_says_so(kiosk):
    new_root(kiosk.server)
    shutil.rmtree(key_folder(kiosk.server) / "roots")
    with pytest.raises(ConfigError, match="roots: lacks notes"):
        keys.load(key_folder(kiosk.server), kiosk.server.parts.config.origin)


def test_no_later_note_takes_the_place_of_one_by_which_a_root_is_believed(kiosk):
    new_root(kiosk.server)
    kiosk.contact()
    device = load_device(kiosk.directory)
    root = Signer.from_seed(device.root.name, bytes.fromhex((key_folder(kiosk.server) / "root.seed").read_text()))
    again = succeed(root, Signer.generate(root.name), 2, NOW_MS)
    assert adopt_roots(kiosk.directory, device, [again]) == device
    assert load_device(kiosk.directory).root == device.root


def test_tokens_are_for_the_root_that_they_name(kiosk, tmp_path):
    old = kiosk.server.token("K02")
    new_root(kiosk.server)
    with pytest.raises(ClaimError, match="another root key"):
        claim(tmp_path / "second", kiosk.server.url, old)
    assert claim(tmp_path / "third", kiosk.server.url, kiosk.server.token("K03")) == "K03"


def test_who_knows_any_of_the_roots_knows_the_log(kiosk):
    roots = [kiosk.server.parts.keyring.root]
    for _ in range(2):
        new_root(kiosk.server)
        roots.append(kiosk.server.parts.keyring.root)
    assert len({*map(str, roots)}) == 3
    for root in roots:
        assert open_log_key(kiosk.server.parts.keyring.log_delegation, root) == kiosk.server.parts.keyring.log.verifier


class Cut(Exception):
    """The power is gone."""


def test_a_cut_at_any_write_is_ended_by_the_same_command(tmp_path, monkeypatch):
    whole = keys.create(tmp_path / "keys", "hadir.example", NOW_MS)
    write = keys._write
    for place in range(1, 20):
        folder = tmp_path / f"cut-{place}"
        shutil.copytree(tmp_path / "keys", folder)
        left = iter(range(place - 1))

        def cut(path, text, left=left):
            if next(left, None) is None:
                raise Cut
            write(path, text)

        monkeypatch.setattr(keys, "_write", cut)
        try:
            keys.succeed(folder, "hadir.example", NOW_MS)
        except Cut:
            monkeypatch.setattr(keys, "_write", write)
            if place > 1:
                with pytest.raises(ConfigError):
                    keys.load(folder, "hadir.example")
            keys.succeed(folder, "hadir.example", NOW_MS)
        else:
            break
        finally:
            monkeypatch.setattr(keys, "_write", write)
        ended = keys.load(folder, "hadir.example")
        assert [key for _, _, key in follow(whole.root, ended.successors)] == [ended.root]
        assert (ended.cursor.seed, ended.log.seed) == (whole.cursor.seed, whole.log.seed)
    assert place > 5, "each of the writes was cut"


def test_a_seed_that_is_not_here_or_was_replaced_makes_no_root(tmp_path):
    folder = tmp_path / "keys"
    keys.create(folder, "hadir.example", NOW_MS)
    old = (folder / "root.seed").read_text()
    keys.succeed(folder, "hadir.example", NOW_MS)
    newest = (folder / "root.seed").read_text()
    (folder / "root.seed").unlink()
    with pytest.raises(Refused, match="bring root's seed back"):
        keys.succeed(folder, "hadir.example", NOW_MS)
    (folder / "root.seed").write_text(old)
    for sign in (keys.succeed, keys.delegate):
        with pytest.raises(Refused, match="bring back that of the newest root"):
            sign(folder, "hadir.example", NOW_MS)
    (folder / "root.seed").write_text(newest)
    assert keys.delegate(folder, "hadir.example", NOW_MS).delegated.version == 3


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2, 1)])
def test_a_chain_is_followed_in_whatever_order_its_notes_come(order):
    assert [key for _, _, key in follow(ROOTS[0].verifier, [CHAIN[n] for n in order])] == [
        root.verifier for root in ROOTS[1:]
    ]
    assert follow(ROOTS[2].verifier, CHAIN)[0][1:] == (4, ROOTS[3].verifier)


def alone(note: bytes, signer: Signer) -> bytes:
    """The same text, signed by one alone."""
    return sign_note(note.decode().rpartition("\n\n")[0] + "\n", signer)


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(alone(CHAIN[0], ROOTS[0]), id="the old one alone"),
        pytest.param(alone(CHAIN[0], ROOTS[1]), id="the new one alone"),
        pytest.param(succeed(ROOTS[0], ROOTS[0], 2, NOW_MS), id="itself"),
        pytest.param(succeed(ROOTS[0], Signer.generate("other.example/root"), 2, NOW_MS), id="another installation"),
        pytest.param(delegation(ROOTS[0], 1), id="another note"),
        pytest.param(sign_note('hadir-root/1\n{"version":true}\n', ROOTS[0], ROOTS[1]), id="not whole"),
    ],
)
def test_what_both_have_not_signed_is_no_root(note):
    with pytest.raises(ProtocolError):
        open_successor(note, ROOTS[0].verifier)
    assert follow(ROOTS[0].verifier, [note]) == []


def test_no_chain_goes_back_or_round():
    back = succeed(ROOTS[1], ROOTS[0], 9, NOW_MS)
    older = succeed(ROOTS[1], ROOTS[2], 2, NOW_MS)
    assert [key for _, _, key in follow(ROOTS[0].verifier, [CHAIN[0], back, older])] == [ROOTS[1].verifier]
