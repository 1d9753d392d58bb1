-- Times are microseconds since 1970 UTC; why blobs: docs/decisions/031-store.md.

CREATE TABLE element (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last_end_us INTEGER NOT NULL          -- end of the last interval that was taken
) STRICT;

CREATE TABLE layout (
    id INTEGER PRIMARY KEY,
    names TEXT NOT NULL UNIQUE            -- quantities, in the order of the values, parted by commas
) STRICT;

-- The last hour or two as it comes: one row per 3-s slot with the records of all elements one after the other.
CREATE TABLE recent (
    slot INTEGER PRIMARY KEY,             -- start // 3 s
    records BLOB NOT NULL
) STRICT;

-- What is older: one row per element and hour, column by column, compressed.
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    element INTEGER NOT NULL REFERENCES element (id),
    layout INTEGER NOT NULL REFERENCES layout (id),
    start_us INTEGER NOT NULL,            -- the hour's begin, to which the offsets in it are added
    end_us INTEGER NOT NULL,              -- end of the last interval in it
    data BLOB NOT NULL
) STRICT;
CREATE INDEX chunk_of_element ON chunk (element, start_us);
CREATE INDEX chunk_in_time ON chunk (start_us);

CREATE TABLE event (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    element TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    duration_us INTEGER,                  -- null while it lasts
    extreme_v REAL,
    reference_v REAL,
    phases TEXT NOT NULL,                 -- parted by commas
    flags TEXT NOT NULL,                  -- parted by commas
    detail TEXT NOT NULL                  -- JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX event_in_time ON event (start_us);

CREATE TABLE gap (
    id TEXT PRIMARY KEY,
    element TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER,                       -- null while it lasts
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gap_in_time ON gap (start_us);
