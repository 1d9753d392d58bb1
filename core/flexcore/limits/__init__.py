"""Limits of the supply voltage as data, and what a measured period is worth against them.

``sets/*.toml`` are the limit sets (one file per standard, voltage level and edition), ``tables/*.toml`` the
schemes by which dips and swells are counted, and the ITIC curve. No limit stands in code.

=============== ===========================================================================
``files``       ``limit_sets()``, ``read_limit_set(name_or_path)``
``evaluate``    ``evaluate(limit_set, data, ...)``: a verdict per clause, phase and period
``classify``    a live value: acceptable, near, over or not judged, with the reason
``events``      dip tables, the classes of the Netcode, what an event clause counts
``itic``        inside, above or below the ITIC curve
``text``        an evaluation for a terminal, in Dutch or English
=============== ===========================================================================

It may import errors and quantities, and reads TOML files; it knows no bus, no store and no service. Only
``data``, ``percentile`` and ``evaluate`` need NumPy, so nothing is imported here.
"""
