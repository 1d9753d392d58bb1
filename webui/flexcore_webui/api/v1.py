"""``/api/v1``: what the page shows, as JSON, and the live stream. Shapes: :mod:`..live.snapshot`."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request, session
from werkzeug.exceptions import BadRequest, NotFound, TooManyRequests, Unauthorized

from flexcore_webui.access.roles import Role, needs
from flexcore_webui.live.snapshot import StationNow
from flexcore_webui.live.streams import TooManyStreamsError
from flexcore_webui.rooms import rooms

api = Blueprint("v1", __name__)
EVENTS = "text/event-stream; charset=utf-8"


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), content_type="application/json")


@api.get("/api/v1/snapshot")
@needs(Role.VIEWER, quiet=True)
def snapshot() -> Response:
    """Everything that is live, now."""
    return _json(rooms().board.look()[0])


@api.get("/api/v1/live")
@needs(Role.VIEWER, quiet=True)
def live() -> Response:
    """The same as server-sent events, a few times a second; each event is also the heartbeat."""
    viewer = str(session.get("sid", ""))
    try:
        stream = rooms().board.streams.subscribe(viewer)
    except TooManyStreamsError as error:
        raise TooManyRequests(retry_after=5) from error
    if rooms().sessions.role(session) < Role.VIEWER:
        # It ended between the check of this request and the stream's being there to be ended with it.
        stream.close()
        raise Unauthorized
    if request.method == "HEAD":
        # Only asked whether there is a place; nobody would iterate, and so close, the stream.
        stream.close()
        return Response(content_type=EVENTS)
    response = Response(stream, content_type=EVENTS)
    # nginx may not hold events back.
    response.headers["X-Accel-Buffering"] = "no"
    return response


@api.get("/api/v1/alarms")
@needs(Role.VIEWER, quiet=True)
def alarms() -> Response:
    """What a person should know, faults first."""
    return _json(rooms().board.look()[1])


@api.get("/api/v1/events")
@needs(Role.VIEWER, quiet=True)
def events() -> Response:
    """Dips, swells and interruptions, newest first."""
    return _json(rooms().board.events())


@api.get("/api/v1/gaps")
@needs(Role.VIEWER, quiet=True)
def gaps() -> Response:
    """Gaps in the measurement, newest first."""
    return _json(rooms().board.gaps())


@api.get("/api/v1/load")
@needs(Role.VIEWER, quiet=True)
def load() -> Response:
    """What each transformer and cable bears against what it may bear."""
    return _json(rooms().board.hub.loads())


@api.get("/api/v1/sensors")
@needs(Role.VIEWER, quiet=True)
def sensors() -> Response:
    """What each meter and device tells, or why it does not."""
    return _json(rooms().board.hub.sensors())


@api.get("/api/v1/health")
@needs(Role.VIEWER, quiet=True)
def health() -> Response:
    """Each service's account of itself."""
    return _json(rooms().board.hub.services())


@api.get("/api/v1/about")
@needs(Role.VIEWER, quiet=True)
def about() -> Response:
    """The station and the software of this box."""
    hub, box = rooms().board.hub, rooms().about
    site = hub.site
    return _json(
        StationNow(
            station=site.id if site else "",
            name=site.name if site else "",
            station_state=hub.station_state,
            problem=hub.station_file.problem,
            nominal_frequency_hz=site.nominal_frequency_hz if site else None,
            elements=site.elements if site else (),
            flexcore_version=box.flexcore_version,
            image_id=box.image_id,
            image_version=box.image_version,
            system=box.system,
        )
    )


@api.get("/api/v1/trend/<element>")
@needs(Role.VIEWER, quiet=True)
def trend(element: str) -> Response:
    """3-s voltages of a busbar over the last minutes; ``after`` (s since 1970) leaves out older ones."""
    site = rooms().board.hub.site
    found = site.element(element) if site else None
    if found is None or found.kind != "busbar":
        raise NotFound
    try:
        after_s = float(request.args.get("after", "-inf"))
    except ValueError as error:
        raise BadRequest from error
    return _json(rooms().board.hub.trend(element, after_s))


@api.post("/api/v1/session")
@needs(Role.VIEWER)
def touch() -> Response:
    """A person is still there: the idle time begins anew."""
    return Response(status=204)


@api.get("/healthz")
@needs(Role.PUBLIC, quiet=True)
def healthz() -> Response:
    """Whether this process does its work; no data. For the watchdog and for supervisors."""
    alive = rooms().board.alive
    return Response(
        b'{"state":"ok"}' if alive else b'{"state":"fault"}',
        200 if alive else 503,
        content_type="application/json",
    )
