-- Floor 1. Letters and the delivery journal. `recipient_id`, `recipient_uid`, `scope` and `batch` are opaque here: they name things upstairs.
CREATE TABLE letter (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uid         TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL CHECK (kind IN ('issue', 'confirmation', 'welcome', 'already', 'change', 'goodbye', 'link', 'test')),
    scope       TEXT,
    language    TEXT    NOT NULL,
    priority    INTEGER NOT NULL CHECK (priority IN (0, 5, 9)),
    sender      TEXT    NOT NULL,
    reply_to    TEXT,
    subject     TEXT    NOT NULL,
    html        TEXT,
    text        TEXT,
    headers     TEXT    NOT NULL,
    dated_at    INTEGER NOT NULL,
    key_id      INTEGER NOT NULL,
    selector    TEXT,
    format      INTEGER NOT NULL,
    uncertain   TEXT    NOT NULL DEFAULT 'resend' CHECK (uncertain IN ('resend', 'hold')),
    state       TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'paused', 'replaced', 'cancelled')),
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX letter_scope ON letter (scope, id);

-- How fast one relay takes mail for one provider; outlives a restart.
CREATE TABLE lane (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    relay        TEXT    NOT NULL,
    provider     TEXT    NOT NULL,
    rate         INTEGER,
    concurrency  INTEGER NOT NULL,
    paused_until INTEGER,
    reason       TEXT,
    UNIQUE (relay, provider)
) STRICT;

CREATE TABLE delivery (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    letter_id       INTEGER NOT NULL REFERENCES letter (id),
    batch           INTEGER,
    recipient_id    INTEGER NOT NULL,
    recipient_uid   TEXT    NOT NULL,
    recipient_epoch INTEGER NOT NULL DEFAULT 0,
    address         TEXT,
    address_hash    TEXT    NOT NULL,
    lane_id         INTEGER NOT NULL REFERENCES lane (id),
    priority        INTEGER NOT NULL,
    text_only       INTEGER NOT NULL DEFAULT 0 CHECK (text_only IN (0, 1)),
    state           TEXT    NOT NULL CHECK (state IN ('queued', 'leased', 'committing', 'uncertain', 'accepted', 'failed', 'cancelled', 'expired', 'held')),
    due_at          INTEGER NOT NULL,
    expires_at      INTEGER,
    attempts        INTEGER NOT NULL DEFAULT 0,
    refusals        INTEGER NOT NULL DEFAULT 0,
    uncertain_count INTEGER NOT NULL DEFAULT 0,
    lost_count      INTEGER NOT NULL DEFAULT 0,
    worker_id       INTEGER REFERENCES worker (id),
    intent_at       INTEGER,
    class           TEXT,
    code            INTEGER,
    enhanced        TEXT,
    reply           TEXT,
    created_at      INTEGER NOT NULL,
    accepted_at     INTEGER,
    finished_at     INTEGER,
    bounced_at      INTEGER,
    bounce_class    TEXT,
    UNIQUE (letter_id, recipient_id),
    CHECK (state NOT IN ('leased', 'committing') OR worker_id IS NOT NULL),
    CHECK (state NOT IN ('committing', 'uncertain') OR intent_at IS NOT NULL),
    CHECK (address IS NOT NULL OR state IN ('accepted', 'failed', 'cancelled', 'expired', 'held'))
) STRICT;
CREATE INDEX delivery_recipient ON delivery (recipient_id);
CREATE INDEX delivery_recipient_uid ON delivery (recipient_uid);
CREATE INDEX delivery_batch ON delivery (batch) WHERE batch IS NOT NULL;
CREATE INDEX delivery_claim ON delivery (lane_id, priority, due_at, id) WHERE state = 'queued';
CREATE INDEX delivery_worker ON delivery (worker_id) WHERE state IN ('leased', 'committing');
CREATE INDEX delivery_uncertain ON delivery (due_at, id) WHERE state = 'uncertain';
CREATE INDEX delivery_expiry ON delivery (expires_at, id) WHERE state = 'queued';

-- An address that must not be mailed. The hash has a key of its own that is never rotated.
CREATE TABLE suppression (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    address_hash TEXT    NOT NULL,
    scope        TEXT,
    reason       TEXT    NOT NULL CHECK (reason IN ('hard', 'complaint', 'manual', 'erased')),
    evidence     TEXT,
    at           INTEGER NOT NULL,
    lifted_at    INTEGER
) STRICT;
CREATE UNIQUE INDEX suppression_active ON suppression (address_hash, reason) WHERE lifted_at IS NULL;

CREATE TABLE mail_event (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id INTEGER NOT NULL REFERENCES delivery (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('bounce', 'complaint', 'delayed', 'refused')),
    class       TEXT    NOT NULL,
    detail      TEXT,
    at          INTEGER NOT NULL,
    raw         TEXT,
    raw_until   INTEGER
) STRICT;
CREATE INDEX mail_event_delivery ON mail_event (delivery_id);
