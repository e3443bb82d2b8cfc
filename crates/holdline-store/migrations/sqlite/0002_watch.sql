-- What the detectors resume by, the history of each outage, the word of operators, who did what.

ALTER TABLE route ADD COLUMN state TEXT NOT NULL DEFAULT '';

ALTER TABLE outage ADD COLUMN scope         TEXT NOT NULL DEFAULT '';
ALTER TABLE outage ADD COLUMN signal        TEXT NOT NULL DEFAULT '';
ALTER TABLE outage ADD COLUMN suspect_at    INTEGER;
ALTER TABLE outage ADD COLUMN degraded_at   INTEGER;
ALTER TABLE outage ADD COLUMN recovering_at INTEGER;
ALTER TABLE outage ADD COLUMN nats          REAL NOT NULL DEFAULT 0.0;
ALTER TABLE outage ADD COLUMN bound         REAL;
ALTER TABLE outage ADD COLUMN ratio         REAL;
ALTER TABLE outage ADD COLUMN feed          TEXT;
ALTER TABLE outage ADD COLUMN feed_at       INTEGER;
CREATE INDEX outage_recovered ON outage (recovered_at) WHERE recovered_at IS NOT NULL;

-- With row ids: values may be long.
CREATE TABLE baseline (
    key      TEXT    NOT NULL PRIMARY KEY,
    saved_at INTEGER NOT NULL,
    bytes    BLOB    NOT NULL
);

CREATE TABLE route_hold (
    scope  TEXT    NOT NULL PRIMARY KEY,
    kind   TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    actor  TEXT    NOT NULL,
    set_at INTEGER NOT NULL,
    until  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    id      BLOB    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    detail  TEXT    NOT NULL
) WITHOUT ROWID;
