-- Floor 1. Articles, stories, taxonomy and the release log.
CREATE TABLE section (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    uid      TEXT    NOT NULL UNIQUE,
    slug     TEXT    NOT NULL UNIQUE,
    position INTEGER NOT NULL DEFAULT 0,
    names    TEXT    NOT NULL,
    closed_at INTEGER
) STRICT;

CREATE TABLE tag (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    uid   TEXT    NOT NULL UNIQUE,
    slug  TEXT    NOT NULL UNIQUE,
    names TEXT    NOT NULL
) STRICT;

-- Where imported articles come from. `url` is the identity of the source and may hold a password or a key: it is never shown.
-- `public_url` is the address that readers are told, if there is one; `health` what the last visit said.
CREATE TABLE source (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT    NOT NULL UNIQUE,
    kind          TEXT    NOT NULL CHECK (kind IN ('feed', 'folder', 'html', 'sitemap')),
    links         TEXT    NOT NULL DEFAULT 'here' CHECK (links IN ('origin', 'here')),
    url           TEXT    NOT NULL UNIQUE,
    public_url    TEXT,
    title         TEXT,
    language      TEXT,
    section_id    INTEGER REFERENCES section (id),
    etag          TEXT,
    last_modified TEXT,
    next_poll_at  INTEGER,
    health        TEXT,
    created_at    INTEGER NOT NULL,
    imported_at   INTEGER
) STRICT;

-- A story is the set of articles that are translations of each other; `first_no` is the lowest number any of them took.
CREATE TABLE story (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    uid              TEXT    NOT NULL UNIQUE,
    first_no         INTEGER,
    follows_language TEXT,
    follows_until    INTEGER,
    CHECK ((follows_language IS NULL) = (follows_until IS NULL))
) STRICT;

CREATE TABLE media (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    uid        TEXT    NOT NULL UNIQUE,
    type       TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    width      INTEGER,
    height     INTEGER,
    body       BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- One text in one language. `guid` never changes; `release_no` is the number of its last `released` entry, NULL for an archived one.
CREATE TABLE article (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT    NOT NULL UNIQUE,
    guid          TEXT    NOT NULL UNIQUE,
    story_id      INTEGER NOT NULL REFERENCES story (id),
    language      TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    summary       TEXT    NOT NULL,
    body_source   TEXT    NOT NULL,
    body_format   TEXT    NOT NULL CHECK (body_format IN ('html', 'markdown')),
    body_html     TEXT    NOT NULL,
    sanitizer     INTEGER NOT NULL,
    byline        TEXT,
    section_id    INTEGER REFERENCES section (id),
    canonical_url TEXT,
    importance    TEXT    NOT NULL DEFAULT 'normal' CHECK (importance IN ('lead', 'normal', 'brief')),
    correction    TEXT,
    withdrawal    TEXT,
    lead_url      TEXT,
    lead_type     TEXT,
    lead_bytes    INTEGER,
    lead_width    INTEGER,
    lead_height   INTEGER,
    lead_alt      TEXT,
    lead_credit   TEXT,
    state         TEXT    NOT NULL CHECK (state IN ('draft', 'scheduled', 'released', 'withdrawn')),
    embargo_at    INTEGER,
    release_no    INTEGER UNIQUE,
    released_at   INTEGER,
    updated_at    INTEGER,
    edited_at     INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    source_id     INTEGER REFERENCES source (id),
    origin_guid   TEXT,
    origin_hash   TEXT,
    UNIQUE (source_id, origin_guid),
    CHECK (state IN ('draft', 'scheduled') OR released_at IS NOT NULL),
    CHECK (state <> 'scheduled' OR embargo_at IS NOT NULL)
) STRICT;
CREATE INDEX article_public ON article (released_at, id) WHERE state = 'released';
CREATE INDEX article_public_language ON article (language, released_at, id) WHERE state = 'released';
CREATE INDEX article_public_section ON article (section_id, language, released_at, id) WHERE state = 'released';
CREATE INDEX article_scheduled ON article (embargo_at, id) WHERE state = 'scheduled';
CREATE INDEX article_story ON article (story_id);

CREATE TABLE article_slug (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    language   TEXT    NOT NULL,
    slug       TEXT    NOT NULL,
    article_id INTEGER NOT NULL REFERENCES article (id),
    is_current INTEGER NOT NULL CHECK (is_current IN (0, 1)),
    UNIQUE (language, slug)
) STRICT;
CREATE UNIQUE INDEX article_slug_current ON article_slug (article_id) WHERE is_current;

CREATE TABLE article_tag (
    article_id INTEGER NOT NULL REFERENCES article (id),
    tag_id     INTEGER NOT NULL REFERENCES tag (id),
    PRIMARY KEY (article_id, tag_id)
) STRICT;
CREATE INDEX article_tag_tag ON article_tag (tag_id, article_id);

CREATE TABLE article_revision (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    article_id  INTEGER NOT NULL REFERENCES article (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('published', 'corrected', 'edited', 'imported', 'withdrawn')),
    title       TEXT    NOT NULL,
    summary     TEXT    NOT NULL,
    body_source TEXT    NOT NULL,
    body_format TEXT    NOT NULL,
    note        TEXT,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX article_revision_article ON article_revision (article_id, id);

CREATE TABLE article_views (
    article_id INTEGER NOT NULL REFERENCES article (id),
    day        TEXT    NOT NULL,
    views      INTEGER NOT NULL,
    PRIMARY KEY (article_id, day)
) STRICT;

-- The release log: `no` comes from the one row of log_head, so it has no gaps and commits in order.
CREATE TABLE release_log (
    no         INTEGER PRIMARY KEY,
    article_id INTEGER REFERENCES article (id),
    section_id INTEGER REFERENCES section (id),
    kind       TEXT    NOT NULL CHECK (kind IN ('released', 'archived', 'updated', 'withdrawn', 'changed')),
    at         INTEGER NOT NULL,
    CHECK (article_id IS NOT NULL OR kind = 'changed')
) STRICT;
CREATE INDEX release_log_article ON release_log (article_id, no);

CREATE TABLE log_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    no INTEGER NOT NULL
) STRICT;
INSERT INTO log_head (id, no) VALUES (1, 0);
