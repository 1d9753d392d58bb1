"""Flexcore: the instrument, its buses, its memory and its services.

The page (``flexcore_webui``) and the update logic (``flexcore_ota``) stand on this package,
never the other way. Importing it has no effects.
"""

__version__ = "0.1.0"
