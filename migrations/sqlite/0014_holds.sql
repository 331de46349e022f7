-- Floor 1. Who cancelled a letter: the operator, or (NULL) the withdrawal of all that stood in it.
ALTER TABLE letter ADD COLUMN closed_by TEXT CHECK (closed_by IN ('operator'));

-- Floor 3. A run that is not planned until the operator lets it go, or its time is over.
ALTER TABLE run ADD COLUMN held_at INTEGER;

-- The same for every run of a newsletter on one local date, also for those that are not open yet.
CREATE TABLE hold (
    newsletter_id INTEGER NOT NULL REFERENCES newsletter (id),
    local_date    TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (newsletter_id, local_date)
) STRICT;
