-- Floor 0. Workers are the fencing tokens of the delivery journal: an id is never used twice.
CREATE TABLE worker (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    host        TEXT    NOT NULL,
    build       TEXT    NOT NULL,
    tzdb        TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;
CREATE INDEX worker_alive ON worker (lease_until) WHERE ended_at IS NULL;

-- Background work that must survive a restart; `key` names the work, so that it is never queued twice.
CREATE TABLE job (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    payload   TEXT    NOT NULL,
    run_at    INTEGER NOT NULL,
    attempts  INTEGER NOT NULL DEFAULT 0,
    worker_id INTEGER REFERENCES worker (id),
    UNIQUE (kind, key)
) STRICT;
CREATE INDEX job_due ON job (run_at, id);

-- How far a follower of the release log has read.
CREATE TABLE cursor (
    name    TEXT    PRIMARY KEY,
    read_to INTEGER NOT NULL
) STRICT;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
