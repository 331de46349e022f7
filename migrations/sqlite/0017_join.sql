-- Floor 2. Somebody wants their mail at another address: both mailboxes say so, then the subscriptions move. Rows go after some days.
CREATE TABLE address_change (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT    NOT NULL UNIQUE,
    subscriber_id INTEGER NOT NULL UNIQUE REFERENCES subscriber (id),
    address       TEXT    NOT NULL,
    address_hash  TEXT    NOT NULL,
    asked_at      INTEGER NOT NULL,
    from_at       INTEGER,
    to_at         INTEGER,
    done_at       INTEGER,
    CHECK (done_at IS NULL OR (from_at IS NOT NULL AND to_at IS NOT NULL))
) STRICT;
CREATE INDEX address_change_hash ON address_change (address_hash);
CREATE INDEX address_change_asked ON address_change (asked_at);
