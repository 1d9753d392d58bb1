"""The end-to-end fixtures: one box of each kind, kept for all the tests."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Neighbours are imported by their own names: ear, stage, browser, truth.
sys.path.insert(0, str(Path(__file__).parent))

from stage import MAP, STATION, Stage, staged
from truth import RECORDING

from flexcore.desk.box import ROOT, free_port
from flexcore.desk.scene import read_play
from support.recording import find_waveform


@pytest.fixture(
    scope="session",
    params=["dev", pytest.param("image", marks=[pytest.mark.image, pytest.mark.timeout(2400)])],
)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A box that measures the recording wisp2, played again and again."""
    station = STATION
    if request.param == "dev":
        # A port of its own: other tests receive frames at the same time.
        station = tmp_path_factory.mktemp("e2e") / "station.toml"
        port = free_port(socket.SOCK_DGRAM)
        text = STATION.read_text(encoding="utf-8")
        station.write_text(f"{text}\n[acquire]\nport = {port}\n", encoding="utf-8")
    # Without the recording the box measures the demonstration: what is wounded heals there too.
    replay = find_waveform(RECORDING)
    if replay is None:
        play = read_play(None, None, None, ("--dip-every", "20"))
    else:
        play = read_play(station, replay, MAP, ("--loop", "--lead-in", "8", "--pause", "3"))
    with staged(str(request.param), play, ROOT / "build" / f"e2e-{request.param}") as running:
        yield running
