"""The page in the station: live power quality for a person, in Dutch and English, without internet.

Rooms: ``live`` (what the bus says now), ``access`` (sign-in, roles, limits), ``pages`` (HTML), ``api``
(JSON and the live stream under ``/api/v1``), ``templates``, ``static``, ``translations``. It stands on
``flexcore`` (nouns, payloads, bus, store reader) and is known by nobody. Importing it has no effects;
:mod:`flexcore_webui.wsgi` is the process's entry and the one exception.
"""
