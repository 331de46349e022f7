-- Floor 1. What pacing remembers of a lane: `concurrency` is how many messages may be in conversation at once now, `rate` how many a
-- minute may begin now (NULL: as many as there are), `class` why it rests until `paused_until` (throttle, policy, broken or
-- uncertain), `pauses` how many rests in a row there were, `troubled_at` when it was last put to rest.
ALTER TABLE lane ADD COLUMN class TEXT;
ALTER TABLE lane ADD COLUMN pauses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE lane ADD COLUMN troubled_at BIGINT;

-- Letters take turns in a lane, so the rows of each must be found at once.
DROP INDEX delivery_claim;
CREATE INDEX delivery_claim ON delivery (lane_id, priority, letter_id, due_at, id) WHERE state = 'queued';

-- What waits for the operator: few rows, among all that are kept.
CREATE INDEX delivery_held ON delivery (letter_id, id) WHERE state = 'held';

-- What the operator paused: the letters of one scope, or, as '*', everything. No dot is granted while a row stands here.
CREATE TABLE pause (
    scope  TEXT    PRIMARY KEY,
    reason TEXT,
    at     BIGINT NOT NULL
);
