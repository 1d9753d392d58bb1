"""What the box remembers: values of 3 s, 10 s, 10 min and 2 h, events and gaps in one SQLite file.

:class:`Store` is the one writer (``record``), :class:`StoreReader` reads beside it under another user (the
page). Neither knows a bus; they import nothing but the nouns and the errors. Why two tiers of blobs:
docs/decisions/031-store.md.
"""

from flexcore.store.history import History
from flexcore.store.reader import Series, StoredEvent, StoredGap, StoredValues, StoreReader, StoreStats
from flexcore.store.writer import Limits, Store

__all__ = [
    "History",
    "Limits",
    "Series",
    "Store",
    "StoreReader",
    "StoreStats",
    "StoredEvent",
    "StoredGap",
    "StoredValues",
]
