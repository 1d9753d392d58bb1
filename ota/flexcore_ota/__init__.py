"""The update logic. So far: whether a boot was good, which decides if its slot keeps being booted.

It stands on ``flexcore`` and knows nothing of the page's code: it asks the page over its socket.
"""
