"""Feed every decoder of `protocol/` with damaged input: python -m benchmarks.fuzz [INPUTS [SEED]].

Half are valid inputs that were changed a little, half are made of pieces of them and of random bytes. A decoder may
return, or raise ProtocolError; anything else, an input that takes longer than LIMIT_S, or memory beyond LIMIT_MB ends
the run with the input.
"""

from __future__ import annotations

import base64
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol import batch, canonical, entry, gallery, settings
from protocol.carried import carry, open_carried
from protocol.checkpoint import Checkpoint, open_checkpoint, stated_size
from protocol.claim import Token
from protocol.cursor import Cursor, open_cursor
from protocol.entry import Entry
from protocol.errors import ProtocolError
from protocol.manifest import Delegation, GalleryReference, Manifest, open_delegation, open_manifest
from protocol.merkle import Frontier
from protocol.national import delegate_log, open_log_key, pack_leaves, unpack_leaves
from protocol.note import Signer, Verifier, open_note, sign_note
from protocol.proof import check_consistency, check_inclusion, in_memory
from protocol.request import parse_authorization, sign_request
from protocol.tlog import LogProof, read_proof

LIMIT_S = 2.0
LIMIT_MB = 512
DEVICE = Signer.from_seed("hadir.example/device/K01", bytes(32))
ROOT = Signer.from_seed("hadir.example/root", bytes(32))
SEALING = X25519PrivateKey.from_private_bytes(bytes(range(32)))


@dataclass(frozen=True)
class Nested:
    """Settings with a field of each kind."""

    name: str
    count: int = 1
    share: float = 0.5
    on: bool = True
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """A decoder, and inputs that it accepts."""

    name: str
    decode: Callable[[bytes], object]
    valid: tuple[bytes, ...]


def targets() -> tuple[Target, ...]:
    """Every decoder. Where a signature guards a format, its body is also signed after it was damaged."""
    mark = Entry("K01", 0, "presence", "ab" * 16, 9, 5, "free", {
        "person": "ab" * 16, "presented_boottime_ms": 5, "source": "sim", "gallery": 1, "distance_e4": 1,
        "margin_e4": None, "liveness": "live", "prompts": ["blink"], "measures": {"yaw_e4": -3},
    }).encode()  # fmt: skip
    camera = Entry("K01", 1, "camera", "ab" * 16, 9, 5, "free", {"state": "é\n", "detail": "a b"}).encode()
    frontier = Frontier().append([mark, camera])
    note = Checkpoint.of(DEVICE.name, frontier).sign(DEVICE)
    sent = batch.Batch("K01", 0, (mark, camera), note, "ab" * 16, 1, 2, "free", {"backlog": 3})
    unpacked = zstandard.ZstdDecompressor().decompress(batch.pack(sent))
    faces = gallery.Gallery(1, "dlib", 2, 6000, 500, (gallery.Person("ab" * 16, "Siti", 1),), bytes(8))
    delegation = Delegation(1, 1, 2, str(DEVICE.verifier), str(DEVICE.verifier)).sign(ROOT)
    reference = GalleryReference(1, "ab" * 32, 9)
    manifest = Manifest("K01", 1, 1, 2, "office", "WIT", ("sim",), reference, {"a": 1}).sign(DEVICE)
    cursor = Cursor("K01", "ab" * 8, 2, frontier.root(), 5).sign(DEVICE)
    log_key = delegate_log(ROOT, Signer.from_seed("hadir.example/log", bytes(32)).verifier, 5)
    tree = in_memory([b"%d" % number for number in range(9)])
    proof = LogProof(1, tuple(tree.inclusion(1, 9)), note, b"x")
    header = sign_request(DEVICE, "K01", "POST", "/x", b"", 5).encode()

    def signed(decoder: Callable[[bytes, Verifier], object], key: Signer) -> Callable[[bytes], object]:
        return lambda data: decoder(sign_note(_text(data) + "\n", key), key.verifier)

    def body(signed_note: bytes) -> bytes:
        return signed_note.rpartition(b"\n\n")[0]

    return (
        Target("canonical", canonical.decode, (mark, camera, b'{"a":[{"b":null},true,-1,""]}')),
        Target("entry", entry.decode, (mark, camera)),
        Target("entry by layout", entry.identify, (mark, camera)),
        Target("batch", batch.unpack, (batch.pack(sent),)),
        Target("batch, unpacked", lambda data: batch.unpack(zstandard.compress(data)), (unpacked,)),
        Target("note", lambda data: open_note(data, [DEVICE.verifier]), (note, cursor)),
        Target("verifier key", lambda data: Verifier.parse(_text(data)), (str(DEVICE.verifier).encode(),)),
        Target("checkpoint", signed(open_checkpoint, DEVICE), (body(note),)),
        Target("checkpoint's size", stated_size, (note,)),
        Target("cursor", signed(open_cursor, DEVICE), (body(cursor),)),
        Target("delegation", signed(open_delegation, ROOT), (body(delegation),)),
        Target("manifest", signed(open_manifest, DEVICE), (body(manifest),)),
        Target("log key", signed(open_log_key, ROOT), (body(log_key),)),
        Target("gallery", gallery.decode, (faces.encode(),)),
        Target(
            "sealed gallery",
            lambda data: gallery.unseal(data, "K01", 1, SEALING),
            (gallery.seal(faces, "K01", SEALING.public_key().public_bytes_raw()),),
        ),
        Target("claim token", lambda data: Token.parse(_text(data)), (str(Token.new("K01", ROOT.verifier)).encode(),)),
        Target("carried", open_carried, (carry(batch.pack(sent), DEVICE, "K01", 5),)),
        Target("request", lambda data: parse_authorization(_text(data)), (header,)),
        Target("frontier", lambda data: Frontier.decode(data[0] if data else 0, data[1:]), (b"\x02" + bytes(32),)),
        Target("proof file", read_proof, (proof.encode(),)),
        Target("bundle", unpack_leaves, (pack_leaves([note, b"", mark]),)),
        Target("inclusion", lambda data: _inclusion(data), (bytes([1, 9]) + b"".join(tree.inclusion(1, 9)),)),
        Target("consistency", lambda data: _consistency(data), (bytes([3, 9]) + b"".join(tree.consistency(3, 9)),)),
        Target(
            "settings",
            lambda data: settings.read_settings(_text(data), "fuzz.yaml", Nested),
            (b"name: no\ncount: 07\nshare: 1e3\non: true\nparts: [a, 'b']\n",),
        ),
    )


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _split(data: bytes) -> tuple[int, int, list[bytes]]:
    first, second = (data + bytes(2))[:2]
    return first, second, [data[at : at + 32] for at in range(2, len(data), 32)]


def _inclusion(data: bytes) -> None:
    index, size, proof = _split(data)
    check_inclusion(b"1", index, size, proof, bytes(32))


def _consistency(data: bytes) -> None:
    old, size, proof = _split(data)
    check_consistency(old, bytes(32), size, bytes(32), proof)


PIECES = (
    b"", b"\n", b"\n\n", b" ", b'"', b"\\", b"\\u0000", b"{", b"}", b"[" * 40, b":", b",", b"-", b"-0", b"0" * 20,
    b"9007199254740992", b"1.5", b"1e400", b"NaN", b"null", b"\x00", b"\xff", b"\xed\xa0\x80", "— ".encode(), b"+",
    b"/device/", base64.b64encode(bytes(32)), b"\x28\xb5\x2f\xfd", b"\xff" * 8, b"&a *a", b"!!python/x", b"'",
    b"\xc3\xa9",
)  # fmt: skip


def damaged(dice: random.Random, target: Target, others: list[bytes]) -> bytes:
    """An input for a decoder, by the dice alone."""
    data = bytearray(dice.choice(target.valid))
    if dice.random() < 0.5:
        parts = [
            bytes(data[: dice.randint(0, len(data))]),
            dice.choice(PIECES),
            dice.choice(others)[: dice.randint(0, 200)],
        ]
        parts += [dice.randbytes(dice.randint(0, 40)), dice.choice(PIECES), bytes(data[dice.randint(0, len(data)) :])]
        dice.shuffle(parts)
        return b"".join(parts[: dice.randint(1, len(parts))])
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(data))
        match dice.randrange(5):
            case 0 if data:
                data[min(at, len(data) - 1)] = dice.randrange(256)
            case 1 if data:
                data[min(at, len(data) - 1)] ^= 1 << dice.randrange(8)
            case 2:
                del data[at : at + dice.randint(1, 9)]
            case 3:
                data[at:at] = dice.choice(PIECES)
            case _:
                data[at:at] = data[at : at + dice.randint(1, 60)]
    return bytes(data)


def run(inputs: int, seed: int) -> Iterator[tuple[str, int, int, float]]:
    """Name, inputs, how many were accepted, and the longest in seconds, for each decoder; SystemExit with a fault."""
    all_targets = targets()
    others = [data for target in all_targets for data in target.valid]
    for number, target in enumerate(all_targets):
        dice = random.Random(f"{seed} {target.name}")  # noqa: S311
        accepted, longest = 0, 0.0
        for _ in range(inputs // len(all_targets) + (number < inputs % len(all_targets))):
            data = damaged(dice, target, others)
            started = time.perf_counter()
            try:
                target.decode(data)
                accepted += 1
            except ProtocolError:
                pass
            except Exception as error:
                raise SystemExit(f"{target.name}: {type(error).__name__}: {error}\n{data!r}") from error
            longest = max(longest, time.perf_counter() - started)
            if longest > LIMIT_S:
                raise SystemExit(f"{target.name}: took {longest:.1f} s\n{data!r}")
        count = inputs // len(all_targets) + (number < inputs % len(all_targets))
        yield target.name, count, accepted, longest


def main(inputs: int, seed: int) -> None:
    """Print a line for each decoder, and what the process took."""
    started = time.perf_counter()
    total = 0
    for name, count, accepted, longest in run(inputs, seed):
        total += count
        print(f"{name:<18} {count:>9,} inputs, {accepted:>8,} accepted, longest {longest * 1000:6.1f} ms", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{total:,} inputs, seed {seed}: only declared errors; {time.perf_counter() - started:.0f} s, {peak} MB")
    if peak > LIMIT_MB:
        raise SystemExit(f"more than {LIMIT_MB} MB")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(given[0] if given else 1_000_000, given[1] if len(given) > 1 else 1)
