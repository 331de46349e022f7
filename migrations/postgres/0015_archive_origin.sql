-- Kept pages hold addresses of the newsroom's origin and depend on no other setting. They are made anew when somebody reads them.
DROP TABLE archive_file;
CREATE TABLE archive_file (
    feed_key      TEXT    PRIMARY KEY,
    scope         TEXT    NOT NULL,
    page          BIGINT NOT NULL,
    origin        TEXT    NOT NULL,
    etag          TEXT    NOT NULL,
    last_modified BIGINT NOT NULL,
    gzip          BYTEA  NOT NULL
);
CREATE INDEX archive_file_page ON archive_file (scope, page);
