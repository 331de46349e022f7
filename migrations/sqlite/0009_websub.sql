-- Jobs are claimed for a while and say so themselves: `lease` counts the claims and fences off whoever held an earlier one,
-- `version` counts the wishes, so that one that came during the work is not lost. Jobs of one `lane` run a few at a time.
ALTER TABLE job ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN leased_until INTEGER;

-- `topic` is a feed's key, `host` the callback's; `sent_etag` names the bytes that the subscriber has.
ALTER TABLE websub_subscription ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE websub_subscription ADD COLUMN lease_secs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE websub_subscription ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE websub_subscription ADD COLUMN verified_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE websub_subscription ADD COLUMN sent_etag TEXT;
CREATE INDEX websub_subscription_host ON websub_subscription (host);
CREATE INDEX websub_subscription_lease ON websub_subscription (lease_until);

-- What was asked for and is still to be verified, and for a day what was: the caps count these rows. `client` is a keyed hash
-- of the asker's network.
CREATE TABLE websub_request (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    mode       TEXT    NOT NULL CHECK (mode IN ('subscribe', 'unsubscribe')),
    topic      TEXT    NOT NULL,
    callback   TEXT    NOT NULL,
    host       TEXT    NOT NULL,
    client     TEXT    NOT NULL,
    secret     TEXT,
    lease_secs INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    done_at    INTEGER
) STRICT;
CREATE INDEX websub_request_open ON websub_request (id) WHERE done_at IS NULL;
CREATE INDEX websub_request_host ON websub_request (host, created_at);
CREATE INDEX websub_request_client ON websub_request (client, created_at);
