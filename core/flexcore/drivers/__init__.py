"""Drivers: one module per device, each a :class:`flexcore.ports.Source` of blocks.

They know the device's bytes and the station's description, and nothing of what comes after a block.
"""
