CREATE TABLE records (
    id         TEXT PRIMARY KEY NOT NULL,
    version    INTEGER NOT NULL,
    state      TEXT NOT NULL,
    room       TEXT NOT NULL,
    owner      TEXT,
    expires_us INTEGER,
    document   TEXT NOT NULL
) STRICT;
CREATE INDEX records_by_state ON records (state, id);
CREATE INDEX records_by_room ON records (room, id);
CREATE INDEX records_by_owner ON records (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX records_by_expiry ON records (expires_us, id) WHERE expires_us IS NOT NULL;

-- Those of one recording and address are a queue; `head` is set for the first of each.
CREATE TABLE notices (
    id        TEXT PRIMARY KEY NOT NULL,
    recording TEXT NOT NULL,
    url       TEXT NOT NULL,
    due_us    INTEGER NOT NULL,
    dead      INTEGER NOT NULL,
    head      INTEGER NOT NULL,
    document  TEXT NOT NULL
) STRICT;
CREATE INDEX notices_queued ON notices (recording, url, id) WHERE dead = 0;
CREATE UNIQUE INDEX notices_heads ON notices (recording, url) WHERE head = 1;
CREATE INDEX notices_due ON notices (due_us, id) WHERE head = 1;
CREATE INDEX notices_dead ON notices (id) WHERE dead = 1;

-- Idempotency keys, each with whose it is.
CREATE TABLE once (
    name       TEXT PRIMARY KEY NOT NULL,
    digest     TEXT NOT NULL,
    recording  TEXT NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX once_by_expiry ON once (expires_us);

CREATE TABLE leases (
    name       TEXT PRIMARY KEY NOT NULL,
    holder     TEXT NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_by_expiry ON leases (expires_us);
