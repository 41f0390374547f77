"""The tables of the message store, version by version, and the migrations between them.

Called by ``p2pd.store.store_file`` at open. A new file is a file of version 0: it
goes the same way as an old one, step by step, each step in one transaction.

``records`` is the log: an offset, a kind, a conversation, a body and what is asked of
them. A conversation is a room or the one with a peer. Indexes keep the names that they
were made with.

``send_order`` is the author's sequence number, unsigned 64 bit, shifted into
SQLite's signed integers: the order (conversation, send_order, message_id) is the same
at every node, which reconciliation between nodes relies on. ``item_ranges`` holds the
sums over ranges of that order. Triggers remove a sum in the transaction that changes
what it covers, whoever changes it, so a sum that is there is right.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from p2pd.domain.cursors import new_epoch
from p2pd.store.connections import open_reader, roll_back
from p2pd.store.errors import DamagedError, NewerStoreError

APPLICATION_ID = 0x77737031
"""Marks the file as a message store, "wsp1" in its header."""

MAX_VERSION = 1000
"""No program will ever write a higher one: then the number itself is damaged."""

CREATE = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    """CREATE TABLE rooms (
        room INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        messages INTEGER NOT NULL DEFAULT 0,
        dropped_until INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE messages (
        offset INTEGER PRIMARY KEY,
        message_id BLOB NOT NULL,
        room INTEGER NOT NULL,
        author TEXT NOT NULL,
        forwarder TEXT,
        send_order INTEGER NOT NULL,
        receive_time_ns INTEGER NOT NULL,
        delivery INTEGER NOT NULL,
        client_message_id TEXT,
        signed BLOB NOT NULL,
        data_start INTEGER,
        data_bytes INTEGER NOT NULL,
        data BLOB
    )""",
    "CREATE UNIQUE INDEX messages_by_id ON messages (message_id)",
    "CREATE INDEX messages_by_room ON messages (room)",
    "CREATE INDEX messages_by_send_order ON messages (room, send_order, message_id)",
    """CREATE INDEX messages_by_client_message_id ON messages (client_message_id)
        WHERE client_message_id IS NOT NULL""",
    """CREATE TRIGGER count_appended AFTER INSERT ON messages BEGIN
        UPDATE rooms SET messages = messages + 1 WHERE room = NEW.room;
    END""",
    """CREATE TRIGGER count_dropped AFTER DELETE ON messages BEGIN
        UPDATE rooms
        SET messages = messages - 1, dropped_until = max(dropped_until, OLD.offset)
        WHERE room = OLD.room;
    END""",
)
ADD_CHECKSUM = "ALTER TABLE messages ADD COLUMN checksum INTEGER"
ADD_MEMBERSHIPS = (
    "ALTER TABLE rooms ADD COLUMN is_joined INTEGER",
    "ALTER TABLE rooms ADD COLUMN floor_ns INTEGER",
    "ALTER TABLE rooms ADD COLUMN joined_ns INTEGER",
    "ALTER TABLE rooms ADD COLUMN sent_until INTEGER",
    "ALTER TABLE rooms ADD COLUMN is_caught_up INTEGER",
    """CREATE TABLE known_peers (
        origin INTEGER NOT NULL,
        position INTEGER NOT NULL,
        address TEXT NOT NULL,
        PRIMARY KEY (origin, position)
    ) WITHOUT ROWID""",
    """CREATE TABLE quarantined_files (
        name TEXT PRIMARY KEY,
        read_until INTEGER
    ) WITHOUT ROWID""",
    "ALTER TABLE messages ADD COLUMN caller TEXT",
    "ALTER TABLE messages ADD COLUMN kind INTEGER NOT NULL DEFAULT 0",
)

_UNSEAL = """DELETE FROM item_ranges WHERE conversation = {row}.conversation
        AND lower = (SELECT max(lower) FROM item_ranges
            WHERE conversation = {row}.conversation AND lower <= {row}.send_order)
        AND upper > {row}.send_order"""
MAKE_RECORDS = (
    "DROP TRIGGER count_appended",
    "DROP TRIGGER count_dropped",
    """CREATE TABLE conversations (
        conversation INTEGER PRIMARY KEY,
        room TEXT UNIQUE,
        peer TEXT UNIQUE,
        records INTEGER NOT NULL DEFAULT 0,
        messages INTEGER NOT NULL DEFAULT 0,
        dropped_until INTEGER NOT NULL DEFAULT 0,
        is_joined INTEGER,
        floor_ns INTEGER,
        joined_ns INTEGER,
        sent_until INTEGER,
        is_caught_up INTEGER,
        CHECK ((room IS NULL) <> (peer IS NULL))
    )""",
    """INSERT INTO conversations SELECT room, name, NULL, messages, messages, dropped_until,
        is_joined, floor_ns, joined_ns, sent_until, is_caught_up FROM rooms""",
    "DROP TABLE rooms",
    "ALTER TABLE messages RENAME TO records",
    "ALTER TABLE records RENAME COLUMN room TO conversation",
    "ALTER TABLE records RENAME COLUMN signed TO body",
    "DROP INDEX messages_by_send_order",
    """CREATE INDEX items ON records (conversation, send_order, message_id)
        WHERE kind = 0""",
    """CREATE TABLE item_ranges (
        conversation INTEGER NOT NULL,
        lower INTEGER NOT NULL,
        upper INTEGER NOT NULL,
        items INTEGER NOT NULL,
        total BLOB NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (conversation, lower)
    ) WITHOUT ROWID""",
    f"""CREATE TRIGGER record_appended AFTER INSERT ON records BEGIN
        UPDATE conversations
        SET records = records + 1, messages = messages + (NEW.kind = 0)
        WHERE conversation = NEW.conversation;
        {_UNSEAL.format(row="NEW")};
    END""",
    f"""CREATE TRIGGER record_dropped AFTER DELETE ON records BEGIN
        UPDATE conversations
        SET records = records - 1, messages = messages - (OLD.kind = 0),
            dropped_until = max(dropped_until, OLD.offset)
        WHERE conversation = OLD.conversation;
        {_UNSEAL.format(row="OLD")};
    END""",
    f"""CREATE TRIGGER record_changed
        AFTER UPDATE OF conversation, kind, send_order, message_id ON records BEGIN
        {_UNSEAL.format(row="OLD")};
        {_UNSEAL.format(row="NEW")};
    END""",
)

ADD_ENTRIES = """CREATE TABLE entries (
        entry INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        UNIQUE (kind, key)
    )"""
ADD_READ_STATE = (
    "ALTER TABLE records ADD COLUMN is_mention INTEGER",
    "CREATE INDEX mentions ON records (conversation) WHERE is_mention = 1",
    """CREATE TABLE read_markers (
        reader TEXT NOT NULL,
        conversation INTEGER NOT NULL,
        until INTEGER NOT NULL,
        change INTEGER NOT NULL,
        PRIMARY KEY (reader, conversation)
    ) WITHOUT ROWID""",
    """CREATE TRIGGER conversation_removed AFTER DELETE ON conversations BEGIN
        DELETE FROM read_markers WHERE conversation = OLD.conversation;
    END""",
)


def create(connection: sqlite3.Connection) -> None:
    """Make version 1 and name the new log."""
    for statement in CREATE:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('epoch', ?)", (new_epoch(),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def add_checksum(connection: sqlite3.Connection) -> None:
    """Make version 2: every row from now on tells whether it is what was written."""
    connection.execute(ADD_CHECKSUM)


def add_memberships(connection: sqlite3.Connection) -> None:
    """Make version 3: rooms joined and left, known peers, quarantined files, callers.

    A record's kind is 0 for a message; readers pass over what they do not know.
    """
    for statement in ADD_MEMBERSHIPS:
        connection.execute(statement)


def make_records(connection: sqlite3.Connection) -> None:
    """Make version 4: the log of records, conversations, sums over ranges of items."""
    for statement in MAKE_RECORDS:
        connection.execute(statement)


def add_entries(connection: sqlite3.Connection) -> None:
    """Make version 5: profiles, petnames, blocks and other small facts."""
    connection.execute(ADD_ENTRIES)


def add_read_state(connection: sqlite3.Connection) -> None:
    """Make version 6: who read how far, and which messages mention this node.

    Messages that are stored already mention nobody.
    """
    for statement in ADD_READ_STATE:
        connection.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    create,
    add_checksum,
    add_memberships,
    make_records,
    add_entries,
    add_read_state,
)
"""The step at index N leads from version N to N + 1."""


def version_of(connection: sqlite3.Connection) -> int:
    """Return the schema version of a file; 0 for a new one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def check(path: Path) -> None:
    """Look at a file before anything could change it.

    Raises:
        NewerStoreError: A newer program has written it.
        DamagedError: It is no message store.
    """
    roll_back(path)
    if not path.exists() or not path.stat().st_size:
        return
    connection = open_reader(path)
    try:
        version = version_of(connection)
        if len(MIGRATIONS) < version <= MAX_VERSION:
            raise NewerStoreError(path, version, len(MIGRATIONS))
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        foreign = application_id != APPLICATION_ID or version > MAX_VERSION
        if foreign if version else tables:
            raise DamagedError("it is not a message store")
    finally:
        connection.close()


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file to the newest version; all of a step happens, or nothing of it."""
    for version in range(version_of(connection), len(MIGRATIONS)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            MIGRATIONS[version](connection)
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
