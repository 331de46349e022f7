-- Floor 1. Where an article stands in feeds: by its last significant change, so that a corrected one comes back to the head.
ALTER TABLE article ADD COLUMN feed_at BIGINT GENERATED ALWAYS AS (COALESCE(updated_at, released_at)) STORED;
CREATE INDEX article_feed ON article (feed_at, id) WHERE state = 'released';
CREATE INDEX article_feed_language ON article (language, feed_at, id) WHERE state = 'released';
CREATE INDEX article_feed_section ON article (section_id, language, feed_at, id) WHERE state = 'released';
CREATE INDEX article_withdrawn ON article (edited_at, id) WHERE state = 'withdrawn';
-- Where the article stood in feeds before the entry took it away from there; NULL if it stood nowhere or stayed.
ALTER TABLE release_log ADD COLUMN left_at BIGINT;

-- Floor 2. Bytes that say what is true for a time only: `as_of` is the full hour they were made for, `until` when they end.
ALTER TABLE shelf ADD COLUMN as_of BIGINT NOT NULL DEFAULT 0;
ALTER TABLE shelf ADD COLUMN until BIGINT;

-- A feed's archive (RFC 5005) up to `log_no`; `top` is the highest page that ever was.
CREATE TABLE archive (
    scope  TEXT    PRIMARY KEY,
    log_no BIGINT NOT NULL,
    top    BIGINT NOT NULL
);

-- Page 1 is the oldest. It ends with the article at (upto_at, upto_id) and begins behind the page before. `version` is the number
-- of the log entry that last put something in or took something out after the page was closed, 0 if none did.
CREATE TABLE archive_page (
    scope   TEXT    NOT NULL,
    page    BIGINT NOT NULL,
    upto_at BIGINT NOT NULL,
    upto_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (scope, page)
);
CREATE INDEX archive_page_upto ON archive_page (scope, upto_at, upto_id);

-- Bytes of closed pages as somebody first read them. They never change; a page with another version has another key.
CREATE TABLE archive_file (
    feed_key      TEXT    PRIMARY KEY,
    scope         TEXT    NOT NULL,
    page          BIGINT NOT NULL,
    build         BIGINT NOT NULL,
    etag          TEXT    NOT NULL,
    last_modified BIGINT NOT NULL,
    gzip          BYTEA  NOT NULL
);
CREATE INDEX archive_file_page ON archive_file (scope, page);
