-- Floor 1. The folded words that articles are found by, each once, parted by spaces; `version` is that of the folding. SQLite
-- looks through them with FTS5: its `ascii` tokenizer takes every byte of a word as it is, so the words stay what we made them.
CREATE TABLE article_words (
    article_id INTEGER PRIMARY KEY REFERENCES article (id),
    version    INTEGER NOT NULL,
    words      TEXT    NOT NULL
) STRICT;

CREATE VIRTUAL TABLE article_words_fts USING fts5 (
    words, content = 'article_words', content_rowid = 'article_id', tokenize = 'ascii', detail = 'none', prefix = '3 5'
);
CREATE TRIGGER article_words_insert AFTER INSERT ON article_words BEGIN
    INSERT INTO article_words_fts (rowid, words) VALUES (new.article_id, new.words);
END;
CREATE TRIGGER article_words_delete AFTER DELETE ON article_words BEGIN
    INSERT INTO article_words_fts (article_words_fts, rowid, words) VALUES ('delete', old.article_id, old.words);
END;
CREATE TRIGGER article_words_update AFTER UPDATE ON article_words BEGIN
    INSERT INTO article_words_fts (article_words_fts, rowid, words) VALUES ('delete', old.article_id, old.words);
    INSERT INTO article_words_fts (rowid, words) VALUES (new.article_id, new.words);
END;
