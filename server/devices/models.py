"""Tables of devices: what they are, what they sent, what they were told."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from server.database import metadata

devices = Table(
    "devices",
    metadata,
    Column("device", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("sources", Text, nullable=False, comment="kinds of camera whose marks count, separated by commas"),
    Column("added_ms", BigInteger, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, comment="SHA-256 of the token as printed"),
    Column("token_expires_ms", BigInteger, nullable=False),
    Column("claimed_ms", BigInteger),
    Column("signing_key", Text, comment="verifier key of the claim; what took its place is in device_keys"),
    Column("sealing_key", LargeBinary, comment="X25519, 32 bytes"),
    Column("lost_ms", BigInteger, comment="of the newest row of device_losses, or of a time before there was one"),
    Column("lost_reason", Text),
)

# Each change of a device's signing key: the entry of its log that both keys signed, as announced or received.
device_keys = Table(
    "device_keys",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("bytes", LargeBinary, nullable=False, comment="exactly as in the log"),
    Column("received_ms", BigInteger, nullable=False),
)

# Append-only: what was known of a loss at each moment.
device_losses = Table(
    "device_losses",
    metadata,
    Column("loss", Integer, primary_key=True),
    Column("device", ForeignKey("devices.device"), nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),
    Column("lost_ms", BigInteger, nullable=False, comment="what the device recorded after this does not count"),
    Column("reason", Text, nullable=False),
    sqlite_autoincrement=True,
)
Index("device_losses_device", device_losses.c.device)

manifests = Table(
    "manifests",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("sources", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("gallery", Integer, comment="version, or null"),
    Column("note", LargeBinary, nullable=False),
)

sealed_galleries = Table(
    "sealed_galleries",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("gallery", Integer, primary_key=True),
    Column("bytes", LargeBinary, nullable=False),
)

# One row a device: the state of its log that the server has acknowledged.
logs = Table(
    "logs",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
)

Index("checkpoints_received", checkpoints.c.device, checkpoints.c.received_ms, checkpoints.c.size)

entries = Table(
    "entries",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("bytes", LargeBinary, nullable=False, comment="exactly as sent: the leaf of the log"),
    Column("kind", Text, nullable=False, comment="'' when quarantined; to look at: what counts are the bytes"),
    Column("quarantined", Text, nullable=False, comment="why the entry counts for nothing, or ''; likewise"),
    Column("received_ms", BigInteger, nullable=False),
    Column("contact", ForeignKey("contacts.contact"), nullable=False),
    sqlite_with_rowid=False,
)

# Evidence: another entry of a device for a place in its log that is taken.
conflicts = Table(
    "conflicts",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("sha256", LargeBinary, primary_key=True),
    Column("held", LargeBinary, nullable=False),
    Column("sent", LargeBinary, nullable=False),
    Column("checkpoint", LargeBinary, nullable=False, comment="the note that the device signed over it"),
    Column("received_ms", BigInteger, nullable=False),
)

CARRIED = 0
"""`signed_ms` of a batch that came by hand: no contact by which to tell the device's clock, or what it still holds."""

contacts = Table(
    "contacts",
    metadata,
    Column("contact", Integer, primary_key=True),
    Column("device", ForeignKey("devices.device"), nullable=False),
    Column("nonce", Text, nullable=False),
    Column("boot", Text, nullable=False),
    Column("boottime_ms", BigInteger, nullable=False),
    Column("wall_ms", BigInteger, nullable=False),
    Column("clock", Text, nullable=False),
    Column(
        "signed_ms",
        BigInteger,
        nullable=False,
        comment="the request's own time, by the device's wall clock; or CARRIED",
    ),
    Column("server_ms", BigInteger, nullable=False),
    Column("server_clock", Text, nullable=False),
    Column("status", Text, nullable=False),
)
Index("contacts_nonce", contacts.c.device, contacts.c.nonce, unique=True)
Index("contacts_made", contacts.c.device, contacts.c.boot, contacts.c.boottime_ms)
Index("contacts_heard", contacts.c.device, contacts.c.server_ms)

flags = Table(
    "flags",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("flag", Text, primary_key=True, comment="conflict, root, gap, quarantined, clock, key"),
    Column("detail", Text, nullable=False, comment="of the last time"),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
)
