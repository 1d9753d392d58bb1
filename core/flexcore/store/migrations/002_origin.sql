-- Where an event came from, as JSON like on the bus; empty while it is not known.

ALTER TABLE event ADD COLUMN origin TEXT NOT NULL DEFAULT '';
