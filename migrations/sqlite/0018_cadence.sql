-- Floor 1. The few letters that are not open: each chunk of a plan asks for them.
CREATE INDEX letter_closed ON letter (id, state, closed_by) WHERE state <> 'open';
