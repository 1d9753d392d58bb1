"""The weekly evaluation out of the box's store: what ``record`` kept against a limit set.

=========== ==============================================================================
``kept``    a busbar in the store as what is judged: intervals, events, time that was watched
``judge``   which busbars, which week; a verdict per clause
``result``  what comes out, and as text
=========== ==============================================================================

It stands on store, limits and station; it only reads, beside a box that writes. No bus, service or engine.
"""
