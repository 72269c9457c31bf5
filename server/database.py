"""The embedded database: SQLite behind SQLAlchemy, durable at each commit, one writer at a time."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, Text, create_engine, event, select
from sqlalchemy.exc import DatabaseError

from server.errors import ConfigError

SCHEMA_VERSION = 12
"""2: grants, agencies, heads, months in steps, shifts and sites as facts. 3: the national log. 4: marks of old
machines. 5: changes of devices' keys, losses as dated rows. 6: alerts, places of sites, an index of
contacts. 7: posts and who holds them. 8: decisions on when entries were, two indexes. 9: erasures.
10: alerts that were mailed. 11: cards. 12: withdrawals of templates. New tables and indexes only."""
_ONLY_TABLES_ADDED_SINCE = 1
_APPLICATION_ID = 0x48414452  # "HADR": tells our files from other SQLite files
_BUSY_TIMEOUT_S = 15
metadata = MetaData()

installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


class Database:
    """The file of an initialised server. Reads see one state; writes are durable when `write` returns.

    `wrote`: whether this process got as far as committing something.
    """

    wrote = False

    def __init__(self, path: Path, *, _create: bool = False) -> None:
        if not _create and not path.is_file():
            raise ConfigError(f"{path}: there is no database; make it with: hadir server init")
        self.path = path
        self._writer = threading.Lock()
        self._engine = create_engine(
            f"sqlite:///{path}",
            connect_args={"timeout": _BUSY_TIMEOUT_S, "isolation_level": None, "check_same_thread": False},
            pool_size=8,
            max_overflow=48,
        )
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        if not _create:
            self._check_version()

    @classmethod
    def create(cls, path: Path, origin: str) -> Database:
        """A new database for the installation `origin`; ConfigError when there is one already."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError as error:
            raise ConfigError(f"{path}: is there already; nothing was changed") from error
        database = cls(path, _create=True)
        with database.write() as connection:
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
            rows = [{"name": "origin", "value": origin}, {"name": "epoch", "value": new_epoch()}]
            connection.execute(installation.insert(), rows)
        return database

    def _check_version(self) -> None:
        try:
            with self.read() as connection:
                found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                ours = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        except DatabaseError as error:
            raise ConfigError(f"{self.path}: cannot be opened as a database ({error.orig})") from error
        if ours != _APPLICATION_ID:
            raise ConfigError(f"{self.path} holds something else than Hadir's server: name another state_dir")
        if _ONLY_TABLES_ADDED_SINCE <= found < SCHEMA_VERSION:
            self._add_tables()
        elif found != SCHEMA_VERSION:
            raise ConfigError(
                f"{self.path}: has schema {found}, this server knows {SCHEMA_VERSION}; "
                "run the release that made it, or restore a backup made with this one"
            )

    def _add_tables(self) -> None:
        with self.write() as connection:
            metadata.create_all(connection)
            for index in (index for table in metadata.tables.values() for index in table.indexes):
                index.create(connection, checkfirst=True)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection whose changes are on the disk when the block has ended; undone when it raises."""
        with self._writer, self._engine.connect() as connection:
            connection = connection.execution_options(hadir_write=True)
            with connection.begin():
                yield connection
                Database.wrote = True

    def vacuum(self) -> None:
        """Write the file anew, without what was deleted; takes as much room again while it runs."""
        with self._writer, self._engine.connect() as connection:
            connection.connection.driver_connection.execute("VACUUM")  # type: ignore[union-attr]

    def value(self, name: str) -> str:
        """A value of the installation: `origin` or `epoch`."""
        with self.read() as connection:
            return str(connection.execute(select(installation.c.value).where(installation.c.name == name)).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def new_epoch() -> str:
    """16 hex digits that tell this database from what it was before it was restored."""
    return secrets.token_hex(8)


def set_epoch(connection: Connection, epoch: str) -> None:
    """Replace the epoch."""
    connection.execute(installation.update().where(installation.c.name == "epoch"), {"value": epoch})


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    # TRUNCATE + FULL: WAL loses writes in the SQLite of Debian 12, and DELETE + FULL can undo a commit.
    for pragma in ("journal_mode = TRUNCATE", "synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _begin(connection: Connection) -> None:
    # IMMEDIATE: a writer waits for its turn at the start, instead of failing in the middle.
    write = connection.get_execution_options().get("hadir_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
