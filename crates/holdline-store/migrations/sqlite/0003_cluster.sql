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
