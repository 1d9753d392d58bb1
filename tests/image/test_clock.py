"""The box's time: a server that the station file names is followed, and the bus says how well."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import Guest, guest

from flexcore.desk.box import free_port
from support.timekeeper import server


@pytest.fixture(scope="module")
def timed(station: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A box whose station has a time server: this machine."""
    port = free_port(socket.SOCK_DGRAM)
    text = f'{station}\n[time]\nservers = [{{ address = "10.0.2.2", port = {port} }}]\n'
    folder: Path = tmp_path_factory.mktemp("timed")
    with (
        server(port),
        guest(folder, credentials={"flexcore.station": text, "flexcore.code": "ABCDEFGHIJ"}) as running,
    ):
        yield running


def test_the_stations_server_is_followed_and_its_quality_told(timed: Guest) -> None:
    until = time.monotonic() + 120.0
    while True:
        report = timed.sh("chronyc -c -n tracking").strip().split(",")
        if report[-1] == "Normal":
            break
        assert time.monotonic() < until, report
        time.sleep(1.0)
    assert report[1] == "10.0.2.2"
    time.sleep(12.0)
    password = "$(cat /data/flexcore/secrets/mqtt/reader)"
    topic = "flexcore/v1/wisp2/time"
    script = (
        "import paho.mqtt.subscribe as s,sys;print(s.simple(sys.argv[1],qos=1,transport='unix',"
        "hostname='/run/flexcore/broker/mqtt.sock',auth={'username':'reader','password':sys.argv[2]},"
        "port=1).payload.decode())"
    )
    told = json.loads(timed.sh(f'python3 -c "{script}" {topic} {password}').splitlines()[-1])
    assert told["state"] == "synchronised"
    assert told["source"] == "10.0.2.2"
    assert 0.0 < told["error_s"] < 1.0
    assert timed.run("systemctl --failed --no-legend --plain")[1] == ""
    assert "10.0.2.2" in timed.sh("cat /data/flexcore/time/station.sources")
