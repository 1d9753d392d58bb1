"""Topics of the measurement bus, made and taken apart in one place."""

from __future__ import annotations

ROOT = "flexcore/v1"


def meta(station: str) -> str:
    """Retained description of the station."""
    return f"{ROOT}/{station}/meta"


def measurement(station: str, interval: str, element: str) -> str:
    """Values of one element over one interval (``200ms``, ``3s``)."""
    return f"{ROOT}/{station}/pq/{interval}/{element}"


def event(station: str, kind: str) -> str:
    """Events of one type."""
    return f"{ROOT}/{station}/event/{kind}"


def load(station: str, component: str) -> str:
    """Retained judgement of one transformer or cable."""
    return f"{ROOT}/{station}/load/{component}"


def meter(station: str, name: str) -> str:
    """Retained reading of one bought-in meter."""
    return f"{ROOT}/{station}/meter/{name}"


def device(station: str, name: str) -> str:
    """Retained reading of one device on the box's own wires."""
    return f"{ROOT}/{station}/device/{name}"


def around(station: str, what: str, element: str) -> str:
    """What is kept of an event: ``waveform`` or ``trace`` of one element."""
    return f"{ROOT}/{station}/{what}/{element}"


def time(station: str) -> str:
    """Retained quality of the box's time."""
    return f"{ROOT}/{station}/time"


def health(station: str, service: str) -> str:
    """Retained state of one service; its last will says ``offline``."""
    return f"{ROOT}/{station}/health/{service}"


def parts(topic: str) -> tuple[str, ...]:
    """What follows the station in a topic, e.g. ``("pq", "200ms", "bb1")``; empty for a foreign topic."""
    head, _, rest = topic.partition(f"{ROOT}/")
    if head or not rest:
        return ()
    return tuple(rest.split("/")[1:])
