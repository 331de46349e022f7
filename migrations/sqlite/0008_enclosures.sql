-- Floor 1. Files that belong to an article, such as a recording; pictures are its lead image or stand in its text.
CREATE TABLE article_enclosure (
    article_id    INTEGER NOT NULL REFERENCES article (id),
    position      INTEGER NOT NULL,
    url           TEXT    NOT NULL,
    media_type    TEXT    NOT NULL,
    bytes         INTEGER,
    duration_secs INTEGER,
    PRIMARY KEY (article_id, position)
) STRICT;

-- When something that stands in a story or names its section last changed in public: the dates of entry documents.
CREATE INDEX release_log_section ON release_log (section_id, no) WHERE section_id IS NOT NULL;
