-- Values over 10 min and 2 h, which the standards judge: few and wanted for long, so one row per element and interval.
-- What blobs hold: flexcore/store/averages.py. The 10-s frequency lies in recent and chunk, as a layout of its own.

CREATE TABLE average (
    id INTEGER PRIMARY KEY,
    element INTEGER NOT NULL REFERENCES element (id),
    length_s INTEGER NOT NULL,            -- 600 or 7200
    start_us INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    coverage REAL NOT NULL,               -- part of the interval that was measured, 0 to 1
    layout INTEGER NOT NULL REFERENCES layout (id),
    spectra_layout INTEGER REFERENCES layout (id),  -- names of the spectra, null where there are none
    data BLOB NOT NULL,                   -- the values of layout
    spectra BLOB                          -- orders 0 to 50 of each of spectra_layout
) STRICT;
CREATE UNIQUE INDEX average_of_element ON average (element, length_s, start_us);
CREATE INDEX average_in_time ON average (start_us);
