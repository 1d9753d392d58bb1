"""The box's time: a server that the station file names is followed, and the bus says how well."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import Guest, guest

#: The emulator lets the box see nobody: the server runs beside it, as a process of its own.
PORT = 11_123
SERVER = f"""port {PORT}
bindaddress 127.0.0.1
allow 127.0.0.1
local stratum 3
cmdport 0
bindcmdaddress /
pidfile /run/ntp-server.pid
"""


@pytest.fixture(scope="module")
def timed(station: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A box whose station has a time server."""
    text = f'{station}\n[time]\nservers = [{{ address = "127.0.0.1", port = {PORT} }}]\n'
    folder: Path = tmp_path_factory.mktemp("timed")
    with guest(folder, credentials={"flexcore.station": text, "flexcore.code": "ABCDEFGHIJ"}) as running:
        running.sh(f"printf '%s' '{SERVER}' >/run/ntp-server.conf")
        running.sh("systemd-run --unit=ntp-server chronyd -x -d -U -u root -f /run/ntp-server.conf")
        running.sh("systemctl restart chrony")  # it need not wait a minute to ask again
        yield running


def test_the_stations_server_is_followed_and_its_quality_told(timed: Guest) -> None:
    until = time.monotonic() + 120.0
    while True:
        report = timed.sh("chronyc -c -n tracking").strip().split(",")
        if report[-1] == "Normal":
            break
        sources = timed.run("chronyc -n sources; systemctl status ntp-server")[1]
        assert time.monotonic() < until, (report, sources)
        time.sleep(1.0)
    assert report[1] == "127.0.0.1"
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
    assert told["source"] == "127.0.0.1"
    assert 0.0 < told["error_s"] < 1.0
    assert timed.run("systemctl --failed --no-legend --plain")[1] == ""
    assert "127.0.0.1" in timed.sh("cat /data/flexcore/time/station.sources")
