"""Radio messages within the law: air time, bands, the ledger of what was sent, and the transmitter over all
three.

It drives any modem of :mod:`flexcore.drivers.modems` through one method, and knows nothing of its dialect.
"""
