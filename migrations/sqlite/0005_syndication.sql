-- Floor 2. Finished feed bytes; a row is replaced only by a higher (log_no, build) with another etag.
CREATE TABLE shelf (
    feed_key      TEXT    PRIMARY KEY,
    log_no        INTEGER NOT NULL,
    build         INTEGER NOT NULL,
    etag          TEXT    NOT NULL,
    last_modified INTEGER NOT NULL,
    body          BLOB    NOT NULL
) STRICT;

CREATE TABLE websub_subscription (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    topic       TEXT    NOT NULL,
    callback    TEXT    NOT NULL,
    secret      TEXT,
    lease_until INTEGER NOT NULL,
    failures    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, callback)
) STRICT;
