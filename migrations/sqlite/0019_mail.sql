-- Floor 1. When the wait for a text that follows was over, and the others came out again for those who had waited.
ALTER TABLE story ADD COLUMN follows_ended_at INTEGER;
CREATE INDEX story_follows ON story (follows_until) WHERE follows_until IS NOT NULL AND follows_ended_at IS NULL;

-- Floor 2. After which number of the log corrections and withdrawals wait to be told to the person, whose window had nothing else to
-- say; NULL: `read_to` tells it.
ALTER TABLE subscription ADD COLUMN untold_from INTEGER;
CREATE INDEX subscription_untold ON subscription (slot_id, id) WHERE untold_from IS NOT NULL;

-- Floor 3. The head of the log before an issue was compiled: what was corrected later is not in it. NULL for issues of old.
ALTER TABLE issue ADD COLUMN head_no INTEGER;

-- What the editor says on top of an issue, as it was compiled.
ALTER TABLE issue ADD COLUMN note TEXT;

-- Corrections and withdrawals that an issue tells of; `no` is the entry of the log.
CREATE TABLE issue_notice (
    issue_id   INTEGER NOT NULL REFERENCES issue (id),
    position   INTEGER NOT NULL,
    article_id INTEGER NOT NULL REFERENCES article (id),
    no         INTEGER NOT NULL,
    PRIMARY KEY (issue_id, position)
) STRICT;

-- What the editor says on top of the issues of one date.
CREATE TABLE editor_note (
    newsletter_id INTEGER NOT NULL REFERENCES newsletter (id),
    local_date    TEXT    NOT NULL,
    language      TEXT    NOT NULL,
    body          TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (newsletter_id, local_date, language)
) STRICT;
