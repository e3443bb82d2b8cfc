-- Nodes, what each of them alone may do, and what they hand each other. One process on a file of its
-- own needs none of it; several nodes share a store of another kind by the same rules.

CREATE TABLE node (
    node  TEXT    NOT NULL PRIMARY KEY,
    url   TEXT    NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;

-- An empty node: nobody has it. The epoch grows at each change of hands.
CREATE TABLE lease (
    name  TEXT    NOT NULL PRIMARY KEY,
    node  TEXT    NOT NULL,
    epoch INTEGER NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE handoff (
    id    BLOB    NOT NULL PRIMARY KEY,
    lease TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    event TEXT    NOT NULL
);

-- Of what waits only a window is in memory: the next of a priority, and what has expired, are found
-- by index. What is under way is always in memory.
ALTER TABLE delivery ADD COLUMN priority   INTEGER NOT NULL DEFAULT 2;
ALTER TABLE delivery ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
UPDATE delivery SET (priority, expires_at) =
    (SELECT m.priority, m.expires_at FROM message m WHERE m.id = delivery.id) WHERE state < 4;
DROP INDEX delivery_open;
CREATE INDEX delivery_waiting ON delivery (priority, id) WHERE state = 0;
CREATE INDEX delivery_expiry ON delivery (expires_at, id) WHERE state = 0;
CREATE INDEX delivery_under_way ON delivery (id) WHERE state BETWEEN 1 AND 3;
