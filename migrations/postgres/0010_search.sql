-- Floor 1. The folded words that articles are found by, each once, parted by spaces; `version` is that of the folding. No parser
-- and no dictionary touch them: `array_to_tsvector` takes every word as it is.
CREATE TABLE article_words (
    article_id BIGINT PRIMARY KEY REFERENCES article (id),
    version    BIGINT NOT NULL,
    words      TEXT   NOT NULL
);
CREATE INDEX article_words_words ON article_words USING GIN (array_to_tsvector(string_to_array(words, ' ')));
