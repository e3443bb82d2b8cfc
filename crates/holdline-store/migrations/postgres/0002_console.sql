-- Who may use the console, and what people watch there.

CREATE TABLE console_user (
    name        text   COLLATE "C" NOT NULL PRIMARY KEY,
    role        text   COLLATE "C" NOT NULL,
    password    text   COLLATE "C" NOT NULL,
    totp        text   COLLATE "C",
    totp_step   bigint NOT NULL,
    created_at  bigint NOT NULL,
    disabled_at bigint,
    version     bigint NOT NULL
);

CREATE TABLE console_session (
    hash       bytea  NOT NULL PRIMARY KEY,
    name       text   COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    seen_at    bigint NOT NULL,
    expires_at bigint NOT NULL,
    address    text   COLLATE "C" NOT NULL,
    agent      text   COLLATE "C" NOT NULL
);
CREATE INDEX console_session_seen ON console_session (seen_at);
CREATE INDEX console_session_expiry ON console_session (expires_at);

-- Numbers are never used again, and grow in the order of the commits: readers resume by them.
-- Writers take turns by a lock.
CREATE TABLE activity (
    seq     bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      bigint NOT NULL,
    kind    text   COLLATE "C" NOT NULL,
    subject text   COLLATE "C" NOT NULL,
    words   text   COLLATE "C" NOT NULL
);

CREATE INDEX activity_at ON activity (at);

CREATE TABLE traffic (
    minute   bigint NOT NULL,
    channel  text   COLLATE "C" NOT NULL,
    sends    bigint NOT NULL,
    receipts bigint NOT NULL,
    failures bigint NOT NULL,
    PRIMARY KEY (minute, channel)
);

CREATE TABLE evidence (
    outage    uuid             NOT NULL,
    at        bigint           NOT NULL,
    signal    text             COLLATE "C" NOT NULL,
    nats      double precision NOT NULL,
    threshold double precision NOT NULL,
    PRIMARY KEY (outage, at)
);

CREATE INDEX evidence_at ON evidence (at);

-- People are looked for by the beginning of their name or external id.
CREATE INDEX contact_name ON contact (lower(name)) WHERE name IS NOT NULL;
CREATE INDEX contact_external_id ON contact (external_id) WHERE external_id IS NOT NULL;
