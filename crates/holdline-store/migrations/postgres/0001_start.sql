-- Ids are time-ordered UUIDs (version 7); instants are milliseconds since 1970. Texts sort by their
-- bytes. Codes of small columns stand in src/rows/codes.rs. A partition is 0 to 63.

CREATE TABLE message (
    id             uuid     NOT NULL PRIMARY KEY,
    contact        uuid     NOT NULL,
    created_at     bigint   NOT NULL,
    expires_at     bigint   NOT NULL,
    priority       smallint NOT NULL,
    duplicate_rule smallint NOT NULL,
    app            text     COLLATE "C" NOT NULL,
    sender         text     COLLATE "C" NOT NULL,
    to_input       text     COLLATE "C" NOT NULL,
    kind           text     COLLATE "C" NOT NULL,
    opaque         text     COLLATE "C",
    data_class     text     COLLATE "C" NOT NULL,
    plan           text     COLLATE "C" NOT NULL
);
CREATE INDEX message_app ON message (app, id);

-- What people wrote, ours and theirs, apart from the rest: it goes first, and scans pass it by.
CREATE TABLE body (
    id    uuid  NOT NULL PRIMARY KEY,
    bytes bytea NOT NULL
);

-- State codes below 4 are open, 4 is delivered, above 4 are the other ends.
CREATE TABLE delivery (
    id          uuid     NOT NULL PRIMARY KEY,
    contact     uuid     NOT NULL,
    since       bigint   NOT NULL,
    until       bigint   NOT NULL,
    hop_since   bigint   NOT NULL,
    expires_at  bigint   NOT NULL,
    partition   smallint NOT NULL,
    priority    smallint NOT NULL,
    state       smallint NOT NULL,
    hop         smallint NOT NULL,
    tries       smallint NOT NULL,
    spent       smallint NOT NULL,
    told        smallint NOT NULL,
    told_failed boolean  NOT NULL,
    attempts    bytea    NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX delivery_contact ON delivery (contact, id);
CREATE INDEX delivery_waiting ON delivery (priority, id, partition) WHERE state = 0;
CREATE INDEX delivery_expiry ON delivery (expires_at, id, partition) WHERE state = 0;
CREATE INDEX delivery_under_way ON delivery (id, partition) WHERE state BETWEEN 1 AND 3;
CREATE INDEX delivery_lost ON delivery (state, id) WHERE state > 4;

CREATE TABLE attempt (
    message      uuid     NOT NULL,
    started_at   bigint   NOT NULL,
    ended_at     bigint,
    number       integer  NOT NULL,
    hop          smallint NOT NULL,
    duplicate    boolean  NOT NULL DEFAULT false,
    channel      text     COLLATE "C" NOT NULL,
    route        text     COLLATE "C" NOT NULL,
    outcome      text     COLLATE "C",
    provider_id  text     COLLATE "C",
    fault_class  text     COLLATE "C",
    fault_code   text     COLLATE "C",
    fault_detail text     COLLATE "C",
    PRIMARY KEY (message, number)
) WITH (fillfactor = 80);
CREATE INDEX attempt_provider_id ON attempt (channel, provider_id) WHERE provider_id IS NOT NULL;

-- A place is a number that grows: the order in which rows came.
CREATE TABLE receipt (
    message      uuid    NOT NULL,
    place        bigint  NOT NULL GENERATED ALWAYS AS IDENTITY,
    at           bigint  NOT NULL,
    received_at  bigint  NOT NULL,
    number       integer NOT NULL,
    status       text    COLLATE "C" NOT NULL,
    fault_code   text    COLLATE "C",
    fault_detail text    COLLATE "C",
    PRIMARY KEY (message, place)
);

CREATE TABLE decision (
    message uuid     NOT NULL,
    place   bigint   NOT NULL GENERATED ALWAYS AS IDENTITY,
    at      bigint   NOT NULL,
    number  integer  NOT NULL,
    hop     smallint NOT NULL,
    code    text     COLLATE "C" NOT NULL,
    words   text     COLLATE "C" NOT NULL,
    PRIMARY KEY (message, place)
);

CREATE TABLE idempotency (
    message    uuid   NOT NULL,
    expires_at bigint NOT NULL,
    scope      text   COLLATE "C" NOT NULL,
    key        text   COLLATE "C" NOT NULL,
    body_hash  bytea  NOT NULL,
    answer     bytea  NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

CREATE TABLE contact (
    id          uuid   NOT NULL PRIMARY KEY,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    name        text   COLLATE "C",
    external_id text   COLLATE "C"
);

CREATE TABLE address (
    contact           uuid     NOT NULL,
    place             bigint   NOT NULL GENERATED ALWAYS AS IDENTITY,
    verified_at       bigint,
    unreachable_until bigint,
    last_inbound_at   bigint,
    consent           smallint NOT NULL,
    channel           text     COLLATE "C" NOT NULL,
    value             text     COLLATE "C" NOT NULL,
    PRIMARY KEY (channel, value)
);
CREATE INDEX address_contact ON address (contact, place);

CREATE TABLE raw_inbound (
    id          uuid     NOT NULL PRIMARY KEY,
    received_at bigint   NOT NULL,
    partition   smallint NOT NULL,
    done        boolean  NOT NULL DEFAULT false,
    channel     text     COLLATE "C" NOT NULL,
    query       text     COLLATE "C" NOT NULL,
    body        bytea    NOT NULL
);
CREATE INDEX raw_inbound_open ON raw_inbound (id, partition) WHERE NOT done;

CREATE TABLE inbound (
    id          uuid   NOT NULL PRIMARY KEY,
    contact     uuid   NOT NULL,
    context     uuid,
    at          bigint NOT NULL,
    received_at bigint NOT NULL,
    channel     text   COLLATE "C" NOT NULL,
    provider_id text   COLLATE "C" NOT NULL,
    sender      text   COLLATE "C" NOT NULL,
    sent_from   text   COLLATE "C" NOT NULL,
    kind        text   COLLATE "C" NOT NULL,
    media       text   COLLATE "C"
);
CREATE UNIQUE INDEX inbound_provider_id ON inbound (channel, provider_id);

-- Only the head of each (endpoint, subject) may be posted; heads stand in an index by due time.
CREATE TABLE hook (
    seq        bigint   NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject    uuid     NOT NULL,
    created_at bigint   NOT NULL,
    due_at     bigint   NOT NULL,
    dropped_at bigint,
    tries      bigint   NOT NULL,
    partition  smallint NOT NULL,
    head       boolean  NOT NULL,
    endpoint   text     COLLATE "C" NOT NULL,
    event      text     COLLATE "C" NOT NULL,
    error      text     COLLATE "C"
) WITH (fillfactor = 80);
CREATE INDEX hook_due ON hook (due_at, seq, partition) WHERE head;
CREATE INDEX hook_subject ON hook (endpoint, subject, seq) WHERE dropped_at IS NULL;
CREATE INDEX hook_dropped ON hook (dropped_at) WHERE dropped_at IS NOT NULL;

CREATE TABLE endpoint (
    id           text     COLLATE "C" NOT NULL PRIMARY KEY,
    app          text     COLLATE "C" NOT NULL,
    form         smallint NOT NULL,
    url          text     COLLATE "C" NOT NULL,
    secret       text     COLLATE "C" NOT NULL,
    verify_token text     COLLATE "C",
    scope        text     COLLATE "C" NOT NULL,
    fields       text     COLLATE "C" NOT NULL,
    created_at   bigint   NOT NULL
);

CREATE TABLE media (
    id             text   COLLATE "C" NOT NULL PRIMARY KEY,
    app            text   COLLATE "C" NOT NULL,
    sender         text   COLLATE "C" NOT NULL,
    mime           text   COLLATE "C" NOT NULL,
    filename       text   COLLATE "C",
    sha256         text   COLLATE "C" NOT NULL,
    size           bigint NOT NULL,
    created_at     bigint NOT NULL,
    expires_at     bigint NOT NULL,
    remote_channel text   COLLATE "C",
    remote         text   COLLATE "C"
);
CREATE INDEX media_expiry ON media (expires_at, id);

CREATE TABLE media_alias (
    media       text   COLLATE "C" NOT NULL,
    sender      text   COLLATE "C" NOT NULL,
    provider_id text   COLLATE "C" NOT NULL,
    until       bigint NOT NULL,
    PRIMARY KEY (media, sender)
);

CREATE TABLE template (
    waba      text   COLLATE "C" NOT NULL,
    name      text   COLLATE "C" NOT NULL,
    language  text   COLLATE "C" NOT NULL,
    id        text   COLLATE "C" NOT NULL,
    status    text   COLLATE "C" NOT NULL,
    category  text   COLLATE "C" NOT NULL,
    json      text   COLLATE "C" NOT NULL,
    synced_at bigint NOT NULL,
    PRIMARY KEY (waba, name, language, id)
);

CREATE TABLE token (
    id         text   COLLATE "C" NOT NULL PRIMARY KEY,
    name       text   COLLATE "C" NOT NULL,
    hash       bytea  NOT NULL,
    app        text   COLLATE "C" NOT NULL,
    senders    text   COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint
);
CREATE INDEX token_hash ON token (hash);

CREATE TABLE route (
    name   text   COLLATE "C" NOT NULL PRIMARY KEY,
    health text   COLLATE "C" NOT NULL,
    since  bigint NOT NULL,
    reason text   COLLATE "C" NOT NULL,
    state  text   COLLATE "C" NOT NULL
);

CREATE TABLE outage (
    id            uuid             NOT NULL PRIMARY KEY,
    route         text             COLLATE "C" NOT NULL,
    scope         text             COLLATE "C" NOT NULL,
    signal        text             COLLATE "C" NOT NULL,
    onset         bigint,
    suspect_at    bigint,
    degraded_at   bigint,
    opened_at     bigint           NOT NULL,
    recovering_at bigint,
    recovered_at  bigint,
    reason        text             COLLATE "C" NOT NULL,
    moved         bigint           NOT NULL,
    nats          double precision NOT NULL,
    bound         double precision,
    ratio         double precision,
    feed          text             COLLATE "C",
    feed_at       bigint
);
CREATE INDEX outage_opened ON outage (opened_at, id);
CREATE INDEX outage_recovered ON outage (recovered_at) WHERE recovered_at IS NOT NULL;

CREATE TABLE baseline (
    key      text   COLLATE "C" NOT NULL PRIMARY KEY,
    saved_at bigint NOT NULL,
    bytes    bytea  NOT NULL
);

CREATE TABLE route_hold (
    scope  text   COLLATE "C" NOT NULL PRIMARY KEY,
    kind   text   COLLATE "C" NOT NULL,
    reason text   COLLATE "C" NOT NULL,
    actor  text   COLLATE "C" NOT NULL,
    set_at bigint NOT NULL,
    until  bigint NOT NULL
);

CREATE TABLE audit (
    id      uuid   NOT NULL PRIMARY KEY,
    at      bigint NOT NULL,
    actor   text   COLLATE "C" NOT NULL,
    action  text   COLLATE "C" NOT NULL,
    subject text   COLLATE "C" NOT NULL,
    reason  text   COLLATE "C" NOT NULL,
    detail  text   COLLATE "C" NOT NULL
);

CREATE TABLE setting (
    key   text COLLATE "C" NOT NULL PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);

-- A node whose time is over holds nothing: whoever comes first takes its leases.
CREATE TABLE node (
    node  text   COLLATE "C" NOT NULL PRIMARY KEY,
    url   text   COLLATE "C" NOT NULL,
    until bigint NOT NULL
);

-- How long a lease lasts stands with its node, not here: writers lock these rows, and a sign of life
-- must not wait for them. An empty node: nobody has it. The epoch grows at each change of hands.
CREATE TABLE lease (
    name  text   COLLATE "C" NOT NULL PRIMARY KEY,
    node  text   COLLATE "C" NOT NULL,
    epoch bigint NOT NULL
);
CREATE INDEX lease_node ON lease (node);

CREATE TABLE handoff (
    id    uuid   NOT NULL PRIMARY KEY,
    lease text   COLLATE "C" NOT NULL,
    at    bigint NOT NULL,
    event text   COLLATE "C" NOT NULL
);
CREATE INDEX handoff_lease ON handoff (lease, id);
