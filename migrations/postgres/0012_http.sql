-- What deltas (RFC 3229) are made against: of each of a feed's latest documents the marks of its items (`syndication::delta`).
CREATE TABLE shelf_past (
    feed_key      TEXT   NOT NULL REFERENCES shelf (feed_key) ON DELETE CASCADE,
    etag          TEXT   NOT NULL,
    last_modified BIGINT NOT NULL,
    marks         BYTEA  NOT NULL,
    PRIMARY KEY (feed_key, etag)
);
