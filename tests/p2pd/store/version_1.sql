-- A message store of schema version 1 as it lay on disk, three messages in two
-- rooms, one dropped before. Kept as text so that it can be read here.
BEGIN;
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('epoch', '0badcafe');
CREATE TABLE rooms (
        room INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        messages INTEGER NOT NULL DEFAULT 0,
        dropped_until INTEGER NOT NULL DEFAULT 0
    );
INSERT INTO rooms VALUES (1, 'chat-room', 2, 1), (2, 'lobby', 1, 0);
CREATE TABLE messages (
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
    );
INSERT INTO messages VALUES
    (2, x'aa02', 1, 'author', NULL, -7473372036854775806, 1750000000000000002, 0, 'mine',
     x'3c68656c6c6f3e', 1, 5, NULL),
    (3, x'aa03', 2, 'author', 'forwarder', -7473372036854775805, 1750000000000000003, 1, NULL,
     x'3c3e', NULL, 3, x'796f75'),
    (4, x'aa04', 1, 'author', 'forwarder', 9223372036854775807, 1750000000000000004, 0, NULL,
     x'3c68693e', 1, 2, NULL);
CREATE UNIQUE INDEX messages_by_id ON messages (message_id);
CREATE INDEX messages_by_room ON messages (room);
CREATE INDEX messages_by_send_order ON messages (room, send_order, message_id);
CREATE INDEX messages_by_client_message_id ON messages (client_message_id)
        WHERE client_message_id IS NOT NULL;
CREATE TRIGGER count_appended AFTER INSERT ON messages BEGIN
        UPDATE rooms SET messages = messages + 1 WHERE room = NEW.room;
    END;
CREATE TRIGGER count_dropped AFTER DELETE ON messages BEGIN
        UPDATE rooms
        SET messages = messages - 1, dropped_until = max(dropped_until, OLD.offset)
        WHERE room = OLD.room;
    END;
PRAGMA application_id = 2004054065;
PRAGMA user_version = 1;
COMMIT;
