-- Floor 3. A run freezes the end of a slot's window; an issue is one distinct content.
CREATE TABLE run (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    slot_id    INTEGER NOT NULL REFERENCES slot (id),
    due_at     INTEGER NOT NULL,
    local_date TEXT    NOT NULL,
    to_no      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('open', 'done', 'cut', 'skipped')),
    mailed     INTEGER NOT NULL DEFAULT 0,
    empty      INTEGER NOT NULL DEFAULT 0,
    opened_at  INTEGER NOT NULL,
    closed_at  INTEGER,
    UNIQUE (slot_id, due_at)
) STRICT;
CREATE INDEX run_open ON run (due_at, id) WHERE state = 'open';

CREATE TABLE issue (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT    NOT NULL,
    revision      INTEGER NOT NULL DEFAULT 1,
    newsletter_id INTEGER NOT NULL REFERENCES newsletter (id),
    number        INTEGER NOT NULL,
    local_date    TEXT    NOT NULL,
    language      TEXT    NOT NULL,
    content_key   TEXT    UNIQUE,
    letter_id     INTEGER NOT NULL UNIQUE REFERENCES letter (id),
    subject       TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    UNIQUE (uid, revision)
) STRICT;

CREATE TABLE issue_item (
    issue_id   INTEGER NOT NULL REFERENCES issue (id),
    position   INTEGER NOT NULL,
    article_id INTEGER NOT NULL REFERENCES article (id),
    release_no INTEGER NOT NULL,
    is_shown   INTEGER NOT NULL CHECK (is_shown IN (0, 1)),
    PRIMARY KEY (issue_id, position)
) STRICT;
CREATE INDEX issue_item_article ON issue_item (article_id);
