-- Who may use the console, and what people watch there.

CREATE TABLE console_user (
    name        TEXT    NOT NULL PRIMARY KEY,
    role        TEXT    NOT NULL,
    password    TEXT    NOT NULL,
    totp        TEXT,
    totp_step   INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER,
    version     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE console_session (
    hash       BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    agent      TEXT    NOT NULL
) WITHOUT ROWID;
CREATE INDEX console_session_seen ON console_session (seen_at);
CREATE INDEX console_session_expiry ON console_session (expires_at);

-- Numbers are never used again, and grow in the order of the commits: readers resume by them.
CREATE TABLE activity (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    words   TEXT    NOT NULL
);

CREATE INDEX activity_at ON activity (at);

CREATE TABLE traffic (
    minute   INTEGER NOT NULL,
    channel  TEXT    NOT NULL,
    sends    INTEGER NOT NULL,
    receipts INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    PRIMARY KEY (minute, channel)
) WITHOUT ROWID;

CREATE TABLE evidence (
    outage    BLOB    NOT NULL,
    at        INTEGER NOT NULL,
    signal    TEXT    NOT NULL,
    nats      REAL    NOT NULL,
    threshold REAL    NOT NULL,
    PRIMARY KEY (outage, at)
) WITHOUT ROWID;

CREATE INDEX evidence_at ON evidence (at);

-- People are looked for by the beginning of their name or external id.
CREATE INDEX contact_name ON contact (name COLLATE NOCASE) WHERE name IS NOT NULL;
CREATE INDEX contact_external_id ON contact (external_id) WHERE external_id IS NOT NULL;
