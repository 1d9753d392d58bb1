"""``NNN_name.sql`` brings ``PRAGMA user_version`` from NNN - 1 to NNN. An old one is never edited."""
