-- Floor 2. Who reads, what they want and when.
CREATE TABLE subscriber (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    uid          TEXT    NOT NULL UNIQUE,
    address      TEXT,
    address_key  TEXT    UNIQUE,
    address_hash TEXT    NOT NULL,
    provider     TEXT    NOT NULL,
    languages    TEXT    NOT NULL,
    time_zone    TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'erased')),
    link_epoch   INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    confirmed_at INTEGER,
    CHECK ((state = 'erased') = (address IS NULL)),
    CHECK ((address IS NULL) = (address_key IS NULL))
) STRICT;
CREATE INDEX subscriber_hash ON subscriber (address_hash);
CREATE INDEX subscriber_pending ON subscriber (created_at, id) WHERE state = 'pending';

CREATE TABLE newsletter (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    uid          TEXT    NOT NULL UNIQUE,
    slug         TEXT    NOT NULL UNIQUE,
    names        TEXT    NOT NULL,
    sections     TEXT,
    sender       TEXT    NOT NULL,
    reply_to     TEXT,
    list_id      TEXT    NOT NULL,
    relay        TEXT    NOT NULL,
    defaults     TEXT    NOT NULL,
    late_until   INTEGER NOT NULL CHECK (late_until > 0),
    max_items    INTEGER NOT NULL CHECK (max_items > 0),
    max_age_days INTEGER NOT NULL CHECK (max_age_days > 0),
    uncertain    TEXT    NOT NULL DEFAULT 'resend' CHECK (uncertain IN ('resend', 'hold')),
    paused_at    INTEGER
) STRICT;

-- What someone wants; `key` is its canonical text and stands in URLs.
CREATE TABLE selection (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT    NOT NULL UNIQUE,
    newsletter_id INTEGER NOT NULL REFERENCES newsletter (id),
    languages     TEXT    NOT NULL,
    topics        TEXT,
    key           TEXT    NOT NULL,
    UNIQUE (newsletter_id, key)
) STRICT;

-- When; `next_due_at` is a cache of the rest and is recomputed whenever the tz database may have changed.
CREATE TABLE slot (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    newsletter_id INTEGER NOT NULL REFERENCES newsletter (id),
    cadence       TEXT    NOT NULL,
    time_zone     TEXT    NOT NULL,
    minute        INTEGER NOT NULL CHECK (minute BETWEEN 0 AND 1439),
    next_date     TEXT    NOT NULL,
    next_due_at   INTEGER NOT NULL,
    UNIQUE (newsletter_id, cadence, time_zone, minute)
) STRICT;
CREATE INDEX slot_due ON slot (next_due_at, id);

-- `read_to` stands in no index, so that PostgreSQL can update it in place.
CREATE TABLE subscription (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT    NOT NULL UNIQUE,
    subscriber_id INTEGER NOT NULL REFERENCES subscriber (id),
    newsletter_id INTEGER NOT NULL REFERENCES newsletter (id),
    selection_id  INTEGER NOT NULL REFERENCES selection (id),
    slot_id       INTEGER NOT NULL REFERENCES slot (id),
    state         TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'paused', 'left')),
    paused_until  TEXT,
    text_only     INTEGER NOT NULL CHECK (text_only IN (0, 1)),
    read_to       INTEGER NOT NULL DEFAULT 0,
    last_date     TEXT    NOT NULL DEFAULT '',
    created_at    INTEGER NOT NULL,
    confirmed_at  INTEGER,
    left_at       INTEGER,
    UNIQUE (subscriber_id, newsletter_id)
) STRICT;
CREATE INDEX subscription_slot ON subscription (slot_id, id) WHERE state = 'active';
CREATE INDEX subscription_paused ON subscription (paused_until, id) WHERE state = 'paused';

CREATE TABLE consent (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    subscriber_id INTEGER NOT NULL REFERENCES subscriber (id),
    action        TEXT    NOT NULL CHECK (action IN ('asked', 'confirmed', 'added', 'changed', 'left', 'returned', 'erased')),
    method        TEXT    NOT NULL CHECK (method IN ('form', 'link', 'one-click', 'mail', 'operator', 'import')),
    evidence      TEXT,
    at            INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_subscriber ON consent (subscriber_id, id);
