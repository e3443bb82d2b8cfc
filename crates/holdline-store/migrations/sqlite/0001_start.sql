-- Ids are 16-byte blobs, time-ordered (UUID version 7); instants are milliseconds since 1970.
-- Codes of small columns stand in src/rows/codes.rs.

CREATE TABLE message (
    id             BLOB    NOT NULL PRIMARY KEY,
    app            TEXT    NOT NULL,
    sender         TEXT    NOT NULL,
    contact        BLOB    NOT NULL,
    to_input       TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    opaque         TEXT,
    priority       INTEGER NOT NULL,
    duplicate_rule INTEGER NOT NULL,
    data_class     TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    plan           TEXT    NOT NULL
) WITHOUT ROWID;
CREATE INDEX message_app ON message (app, id);

-- What people wrote, ours and theirs, apart from the rest: it goes first, and scans pass it by.
CREATE TABLE body (
    id    BLOB NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL
) WITHOUT ROWID;

-- State codes below 4 are open, 4 is delivered, above 4 are the other ends.
CREATE TABLE delivery (
    id          BLOB    NOT NULL PRIMARY KEY,
    contact     BLOB    NOT NULL,
    state       INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    hop         INTEGER NOT NULL,
    hop_since   INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    attempts    BLOB    NOT NULL,
    spent       INTEGER NOT NULL,
    told        INTEGER NOT NULL,
    told_failed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX delivery_contact ON delivery (contact, id);
CREATE INDEX delivery_open ON delivery (id) WHERE state < 4;
CREATE INDEX delivery_lost ON delivery (state, id) WHERE state > 4;

CREATE TABLE attempt (
    message      BLOB    NOT NULL,
    number       INTEGER NOT NULL,
    hop          INTEGER NOT NULL,
    channel      TEXT    NOT NULL,
    route        TEXT    NOT NULL,
    started_at   INTEGER NOT NULL,
    outcome      TEXT,
    ended_at     INTEGER,
    provider_id  TEXT,
    fault_class  TEXT,
    fault_code   TEXT,
    fault_detail TEXT,
    duplicate    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (message, number)
) WITHOUT ROWID;
CREATE INDEX attempt_provider_id ON attempt (channel, provider_id) WHERE provider_id IS NOT NULL;

CREATE TABLE receipt (
    message      BLOB    NOT NULL,
    place        INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    fault_code   TEXT,
    fault_detail TEXT,
    PRIMARY KEY (message, place)
) WITHOUT ROWID;

CREATE TABLE decision (
    message BLOB    NOT NULL,
    place   INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    hop     INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    code    TEXT    NOT NULL,
    words   TEXT    NOT NULL,
    PRIMARY KEY (message, place)
) WITHOUT ROWID;

CREATE TABLE idempotency (
    scope      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    body_hash  BLOB    NOT NULL,
    answer     BLOB    NOT NULL,
    message    BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

CREATE TABLE contact (
    id          BLOB    NOT NULL PRIMARY KEY,
    name        TEXT,
    external_id TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE address (
    channel           TEXT    NOT NULL,
    value             TEXT    NOT NULL,
    contact           BLOB    NOT NULL,
    place             INTEGER NOT NULL,
    verified_at       INTEGER,
    consent           INTEGER NOT NULL,
    unreachable_until INTEGER,
    last_inbound_at   INTEGER,
    PRIMARY KEY (channel, value)
) WITHOUT ROWID;
CREATE INDEX address_contact ON address (contact, place);

CREATE TABLE raw_inbound (
    id          BLOB    NOT NULL PRIMARY KEY,
    channel     TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    query       TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    done        INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX raw_inbound_open ON raw_inbound (id) WHERE done = 0;

CREATE TABLE inbound (
    id          BLOB    NOT NULL PRIMARY KEY,
    channel     TEXT    NOT NULL,
    provider_id TEXT    NOT NULL,
    contact     BLOB    NOT NULL,
    sender      TEXT    NOT NULL,
    sent_from   TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    context     BLOB,
    kind        TEXT    NOT NULL,
    media       TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX inbound_provider_id ON inbound (channel, provider_id);

-- Only the head of each (endpoint, subject) may be posted; heads stand in an index by due time.
CREATE TABLE hook (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint   TEXT    NOT NULL,
    subject    BLOB    NOT NULL,
    event      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    error      TEXT,
    head       INTEGER NOT NULL,
    dropped_at INTEGER
);
CREATE INDEX hook_due ON hook (due_at, seq) WHERE head = 1;
CREATE INDEX hook_subject ON hook (endpoint, subject, seq) WHERE dropped_at IS NULL;
CREATE INDEX hook_dropped ON hook (dropped_at) WHERE dropped_at IS NOT NULL;

CREATE TABLE endpoint (
    id           TEXT    NOT NULL PRIMARY KEY,
    app          TEXT    NOT NULL,
    form         INTEGER NOT NULL,
    url          TEXT    NOT NULL,
    secret       TEXT    NOT NULL,
    verify_token TEXT,
    scope        TEXT    NOT NULL,
    fields       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE media (
    id             TEXT    NOT NULL PRIMARY KEY,
    app            TEXT    NOT NULL,
    sender         TEXT    NOT NULL,
    mime           TEXT    NOT NULL,
    filename       TEXT,
    sha256         TEXT    NOT NULL,
    size           INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    remote_channel TEXT,
    remote         TEXT
) WITHOUT ROWID;
CREATE INDEX media_expiry ON media (expires_at, id);

CREATE TABLE media_alias (
    media       TEXT    NOT NULL,
    sender      TEXT    NOT NULL,
    provider_id TEXT    NOT NULL,
    until       INTEGER NOT NULL,
    PRIMARY KEY (media, sender)
) WITHOUT ROWID;

CREATE TABLE template (
    waba      TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    language  TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    status    TEXT    NOT NULL,
    category  TEXT    NOT NULL,
    json      TEXT    NOT NULL,
    synced_at INTEGER NOT NULL,
    PRIMARY KEY (waba, name, language, id)
) WITHOUT ROWID;

CREATE TABLE token (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    app        TEXT    NOT NULL,
    senders    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) WITHOUT ROWID;
CREATE INDEX token_hash ON token (hash);

CREATE TABLE route (
    name   TEXT    NOT NULL PRIMARY KEY,
    health TEXT    NOT NULL,
    since  INTEGER NOT NULL,
    reason TEXT    NOT NULL
) WITHOUT ROWID;

CREATE TABLE outage (
    id           BLOB    NOT NULL PRIMARY KEY,
    route        TEXT    NOT NULL,
    onset        INTEGER,
    opened_at    INTEGER NOT NULL,
    recovered_at INTEGER,
    reason       TEXT    NOT NULL,
    moved        INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX outage_opened ON outage (opened_at, id);

CREATE TABLE setting (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
