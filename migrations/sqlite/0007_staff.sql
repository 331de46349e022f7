-- Floor 2. The people of the desk. Secrets are kept as hashes only. `staff_user`: `user` is a reserved word of PostgreSQL.
CREATE TABLE staff_user (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    address_key   TEXT    NOT NULL UNIQUE,
    role          TEXT    NOT NULL CHECK (role IN ('writer', 'publisher', 'operator')),
    password_hash TEXT,
    created_at    INTEGER NOT NULL,
    closed_at     INTEGER
) STRICT;

CREATE TABLE session (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES staff_user (id),
    token_hash TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES staff_user (id),
    name       TEXT    NOT NULL,
    token_hash TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE audit_log (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER REFERENCES staff_user (id),
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    detail  TEXT,
    at      INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency_key (
    key    TEXT    NOT NULL,
    route  TEXT    NOT NULL,
    answer TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (key, route)
) STRICT;
