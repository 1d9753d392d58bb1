"""Load of components: what a transformer or cable carries against what it may carry, harmonics included.

Import from its modules: descriptions (``component``, ``reading``, ``tables``) need no NumPy, so that every
service can read them. It reads TOML descriptions (``read_component``) and is otherwise pure: no clock, no
bus, no samples. It may import ``errors`` and ``tomlfile`` and nothing else of Flexcore. Currents come in as
``HarmonicLoad``, the verdict goes out as ``Assessment``. The thermal state in between is the caller's to keep
and to ``step``, or a ``Follower``'s, which takes a component through time, gaps and starts.
"""
