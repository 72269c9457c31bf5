"""Root's word on the online keys: it goes forward only, ends the keys before it, and reaches who was away for long."""

import datetime
import ipaddress
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kiosk.clock import FrameClock
from kiosk.errors import GalleryError, SyncError
from kiosk.recognition.gallery import GalleryStore
from kiosk.records.journal import Journal
from kiosk.records.pruning import DAY_MS, prune
from kiosk.sync import Syncer
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import adopt_delegation, load_device
from protocol.cursor import Cursor
from protocol.errors import ProtocolError
from protocol.manifest import Delegation, Manifest
from protocol.note import Signer
from server.keys import DELEGATION_MS
from simulation import office
from tests.local_server import LocalServer

NOW_MS = office.midnight_ms(office.days_of("2026-10")[0])
EMBEDDER = ("dlib", 128)
STALLED = {"state": "stalled", "detail": ""}


@dataclass
class Kiosk:
    """A claimed device and its server."""

    directory: Path
    server: LocalServer
    authority: Path | None = None

    def record(self) -> None:
        device = load_device(self.directory)
        with closing(Journal(self.directory / "journal.db", device.name, device.signer, FrameClock(NOW_MS))) as journal:
            journal.append("camera", STALLED)

    def contact(self):
        device = load_device(self.directory)
        syncer = Syncer(device, self.server.url, self.directory, FrameClock(NOW_MS), authority=self.authority)
        with closing(syncer):
            return syncer.contact()

    @property
    def store(self) -> GalleryStore:
        return GalleryStore(self.directory, load_device(self.directory))

    def apply(self, now_ms: int = NOW_MS):
        return self.store.apply(*EMBEDDER, now_ms)


@pytest.fixture
def kiosk(tmp_path):
    server = LocalServer(tmp_path / "server")
    claim(tmp_path / "kiosk", server.url, server.token("K01"))
    made = Kiosk(tmp_path / "kiosk", server)
    made.record()
    made.contact()
    assert made.apply().manifest.version == 1
    yield made
    server.close()


def test_a_new_delegation_comes_with_the_next_contact_and_ends_the_keys_before_it(kiosk):
    before = load_device(kiosk.directory)
    stolen = kiosk.server.parts.keyring
    kiosk.server.delegate(NOW_MS, new_keys=True)
    assert kiosk.contact().manifest == 2
    after = load_device(kiosk.directory)
    assert (after.delegation.version, [one.version for one in after.former]) == (2, [1])
    assert after.gallery_key != before.gallery_key
    assert kiosk.store.load(*EMBEDDER).manifest.version == 1, "what was applied under the key before still runs"
    kiosk.store.offer(manifest(99).sign(stolen.gallery), None)
    with pytest.raises(GalleryError, match="not signed by"):
        kiosk.apply()
    kiosk.contact()
    assert kiosk.apply().manifest.version == 2
    cursor = Cursor("K01", "ab" * 8, 1, bytes(32), NOW_MS).sign(stolen.cursor)
    syncer = Syncer(after, kiosk.server.url, kiosk.directory, FrameClock(NOW_MS))
    with closing(syncer), pytest.raises(SyncError, match="not a cursor that it signed"):
        syncer.take_cursor(cursor)


def manifest(version: int, **changes) -> Manifest:
    given = {"device": "K01", "version": version, "issued_ms": NOW_MS, "expires_ms": NOW_MS + DAY_MS} | changes
    return Manifest(site="pupr", zone="WIT", sources=("sim",), gallery=None, **given)


def test_fast_forward_by_a_stolen_key_ends_with_the_key(kiosk):
    kiosk.store.offer(manifest(2**31).sign(kiosk.server.parts.keyring.gallery), None)
    assert kiosk.apply().manifest.version == 2**31
    assert kiosk.contact().manifest is None
    kiosk.server.delegate(NOW_MS, new_keys=True)
    assert kiosk.contact().manifest == 2
    assert kiosk.apply().manifest.version == 2


def test_the_running_station_learns_of_the_delegation_when_it_applies(kiosk):
    station = kiosk.store
    kiosk.server.delegate(NOW_MS, new_keys=True)
    kiosk.contact()
    assert station.apply(*EMBEDDER, NOW_MS).manifest.version == 2


def test_rollback_to_an_older_delegation_is_refused(kiosk):
    old = kiosk.server.parts.keyring.delegation
    kiosk.server.delegate(NOW_MS, new_keys=True)
    kiosk.contact()
    device = load_device(kiosk.directory)
    with pytest.raises(ProtocolError, match="delegation 1 is not newer than 2"):
        adopt_delegation(kiosk.directory, device, old)
    assert adopt_delegation(kiosk.directory, device, kiosk.server.parts.keyring.delegation) == device


def test_a_delegation_by_another_root_is_refused(kiosk):
    device = load_device(kiosk.directory)
    other = Signer.generate(device.root.name)
    note = Delegation(9, NOW_MS, NOW_MS + DAY_MS, str(other.verifier), str(other.verifier)).sign(other)
    with pytest.raises(ProtocolError, match="not signed by"):
        adopt_delegation(kiosk.directory, device, note)
    assert load_device(kiosk.directory).delegation == device.delegation


def test_a_delegation_that_was_damaged_on_the_card_comes_again(kiosk):
    kiosk.server.delegate(NOW_MS, new_keys=True)
    kiosk.contact()
    (kiosk.directory / "delegations" / "2.note").write_bytes(b"\xff")
    assert load_device(kiosk.directory).delegation.version == 1
    kiosk.contact()
    assert load_device(kiosk.directory).delegation.version == 2


def test_an_expired_delegation_stops_applying_and_pruning_but_neither_recording_nor_sending(kiosk):
    late_ms = NOW_MS + DELEGATION_MS + DAY_MS
    kiosk.server.set_time(late_ms)
    kiosk.record()
    assert kiosk.contact().backlog == 0
    offered = manifest(9, issued_ms=late_ms, expires_ms=late_ms + DAY_MS)
    kiosk.store.offer(offered.sign(kiosk.server.parts.keyring.gallery), None)
    with pytest.raises(GalleryError, match="delegation .* has expired: a new one comes"):
        kiosk.apply(late_ms)
    assert kiosk.store.load(*EMBEDDER).manifest.version == 1
    device = load_device(kiosk.directory)
    signed = (
        Cursor("K01", "ab" * 8, 1, bytes(32), time_ms).sign(kiosk.server.parts.keyring.cursor).decode()
        for time_ms in (NOW_MS, late_ms)
    )
    with closing(Journal(kiosk.directory / "journal.db", "K01", device.signer, FrameClock(NOW_MS))) as journal:
        answer = prune(journal, device, 120, dict(zip(("held", "now"), signed, strict=True)))
    assert "expired" in answer["error"]


# Months without the server. The certificates are real, the months are the server's simulated clock.


def certificate(folder: Path, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None):
    """A new key with a certificate, of an authority or signed by one; written to a file for the server."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signing, signed_by = (key, subject) if issuer is None else (issuer[1], issuer[0].subject)
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    usage = x509.KeyUsage(True, False, False, False, False, issuer is None, False, False, False)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signed_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(address, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.pem").write_bytes(secret + made.public_bytes(pem))
    (folder / f"{name}.crt").write_bytes(made.public_bytes(pem))
    return made, key


def serve(folder: Path, name: str, certified: str) -> LocalServer:
    return LocalServer(folder / name, folder / f"{certified}.pem")


def test_a_device_that_was_off_for_fourteen_months_comes_back_without_a_hand(tmp_path):
    city = certificate(tmp_path, "city")
    certificate(tmp_path, "first", city)
    server = serve(tmp_path, "server", "first")
    kiosk = Kiosk(tmp_path / "kiosk", server, tmp_path / "city.crt")
    try:
        claim(kiosk.directory, server.url, server.token("K01"), kiosk.authority)
        kiosk.record()
        kiosk.contact()
        kiosk.apply()
        for month in (5, 10):
            server.delegate(NOW_MS + month * 30 * DAY_MS, new_keys=True)
        late_ms = NOW_MS + 14 * 30 * DAY_MS
        assert late_ms > load_device(kiosk.directory).delegation.expires_ms
        server.set_time(late_ms)
        assert kiosk.store.load(*EMBEDDER).manifest.version == 1, "it starts with what it had"
        kiosk.record()
        assert (kiosk.contact().backlog, load_device(kiosk.directory).delegation.version) == (0, 3)
        assert kiosk.apply(late_ms).manifest.expires_ms > late_ms
    finally:
        server.close()


@pytest.fixture
def behind_tls(tmp_path):
    """A kiosk whose server had its certificate from `city`; and a folder with certificates of others."""
    city, other = certificate(tmp_path, "city"), certificate(tmp_path, "other")
    certificate(tmp_path, "renewed", city)
    certificate(tmp_path, "foreign", other)
    first = LocalServer(tmp_path / "first")
    claim(tmp_path / "kiosk", first.url, first.token("K01"))
    made = Kiosk(tmp_path / "kiosk", first, tmp_path / "city.crt")
    made.record()
    yield made
    first.close()


class Elsewhere(LocalServer):
    """The same server's application, under another certificate."""

    def __init__(self, directory: Path, certificate: Path, parts) -> None:
        super().__init__(directory, certificate)
        self.parts.database.close()
        self.parts = self._app.state.services = parts

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


@pytest.mark.parametrize(("certified", "believed"), [("renewed", True), ("foreign", False)])
def test_a_certificate_is_believed_when_the_pinned_authority_signed_it_whenever_that_was(
    behind_tls, tmp_path, certified, believed
):
    elsewhere = Elsewhere(tmp_path / certified, tmp_path / f"{certified}.pem", behind_tls.server.parts)
    behind_tls.server, first = elsewhere, behind_tls.server
    try:
        if believed:
            assert behind_tls.contact().backlog == 0
            return
        with pytest.raises(SyncError, match="cannot be reached .SSLError"):
            behind_tls.contact()
        behind_tls.authority = tmp_path / "other.crt"  # the technician's step: the new authority's file
        assert behind_tls.contact().backlog == 0
    finally:
        elsewhere.close()
        behind_tls.server = first
