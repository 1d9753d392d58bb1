"""The jobs of the ``flexcore`` command line: ``add(jobs)`` tells a job's arguments, ``run`` does it.

One module each. They return text and leave printing to :mod:`flexcore.cli`; heavy rooms are imported only
when a job runs.
"""
