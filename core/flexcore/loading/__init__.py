"""The live load of a station's components: measurements of fields in, judgements of components out.

It joins :mod:`flexcore.load`, which knows neither stations nor measurements, to both. Pure: no clock, no
I/O; what is to survive a restart is given out and taken in as text. Import from its modules: ``payload``
needs no NumPy.
"""
