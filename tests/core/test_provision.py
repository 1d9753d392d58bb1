"""The box's identity: made once, kept, completed after a cut, never told."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import ssl
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from cryptography import x509

from flexcore import sticker
from flexcore.buses.mqtt import MeasurementBus, TcpAddress
from flexcore.buses.passwords import fits, password_line
from flexcore.paths import Paths
from flexcore.services import _certificate
from flexcore.services.provision import BROKER_USERS, Provisioning
from support.broker import Broker

STATION = """
[station]
id = "{id}"
name = "Station"

[[busbar]]
id = "bb1"
name = "Busbar 1"
nominal_v = 10000
sensor = {{ stream = 1 }}
"""
EVERYTHING = (
    *(f"secrets/mqtt/{name}" for name in BROKER_USERS),
    "secrets/mosquitto.passwd",
    "secrets/web-code",
    "secrets/web-session",
    "tls/key.pem",
    "tls/cert.pem",
)


class Box:
    """A state folder, credentials and a console; ``start`` runs the real program."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.credentials = folder / "credentials"
        self.console = folder / "console"
        self.credentials.mkdir()
        self.console.touch()

    def give(self, name: str, text: str) -> None:
        (self.credentials / name).write_text(text)

    def start(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flexcore.services.provision"],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                "FLEXCORE_STATE_DIR": str(self.state),
                "CREDENTIALS_DIRECTORY": str(self.credentials),
                "FLEXCORE_CONSOLE": str(self.console),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def read(self, name: str) -> str:
        return (self.state / name).read_text()

    def snapshot(self) -> dict[str, tuple[bytes, int]]:
        return {
            str(f.relative_to(self.state)): (f.read_bytes(), f.stat().st_mtime_ns)
            for f in sorted(self.state.rglob("*"))
            if f.is_file()
        }


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_first_boot_makes_everything_and_a_second_changes_nothing(box: Box) -> None:
    first = box.start()
    assert first.returncode == 0, first.stderr
    before = box.snapshot()
    assert set(EVERYTHING) <= set(before)
    assert not any(name.startswith(".") or ".new" in name for name in before)
    second = box.start()
    assert second.returncode == 0, second.stderr
    assert box.snapshot() == before
    assert len({box.read(f"secrets/mqtt/{name}") for name in BROKER_USERS}) == len(BROKER_USERS)


def test_secrets_are_for_root_and_the_key_for_the_broker(box: Box) -> None:
    box.start()
    for name in EVERYTHING:
        mode = stat.S_IMODE((box.state / name).stat().st_mode)
        # Nothing by group: every service is in mosquitto's, to reach the broker's socket.
        assert mode == (0o644 if name == "tls/cert.pem" else 0o600), name
    assert stat.S_IMODE((box.state / "secrets/mqtt").stat().st_mode) == 0o700
    if os.geteuid() == 0:
        try:
            broker = pwd.getpwnam("mosquitto")
        except KeyError:
            return
        passwd = (box.state / "secrets/mosquitto.passwd").stat()
        assert (passwd.st_uid, stat.S_IMODE(passwd.st_mode)) == (broker.pw_uid, 0o600)
        key = (box.state / "tls/key.pem").stat()
        assert (key.st_uid, key.st_gid) == (broker.pw_uid, grp.getgrnam("mosquitto").gr_gid)


def test_a_key_that_the_group_could_read_is_closed_at_the_next_start(box: Box) -> None:
    """What an older version left behind."""
    box.give("flexcore.code", "ABCDEFGHIJ")
    box.start()
    key = box.state / "tls/key.pem"
    before = key.read_bytes()
    key.chmod(0o640)
    assert box.start().returncode == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_bytes() == before


def test_the_code_is_shown_once_on_the_console_and_told_to_nobody_else(box: Box) -> None:
    done = box.start()
    shown = box.console.read_text()
    code = shown.split("code of this box is ")[1].split()[0]
    assert sticker.spell(sticker.normal(code) or "") == code
    assert PasswordHasher().verify(box.read("secrets/web-code"), sticker.normal(code) or "")
    log = done.stdout + done.stderr
    assert code not in log
    for name in EVERYTHING:
        if name != "tls/cert.pem":
            assert box.read(name).strip() not in log
    box.start()
    assert box.console.read_text() == shown


def test_without_a_console_no_code_is_made_that_nobody_knows(box: Box) -> None:
    box.console.unlink()
    done = box.start()
    assert done.returncode == 0
    assert "expected a console" in done.stderr
    assert not (box.state / "secrets/web-code").exists()
    assert (box.state / "secrets/web-session").exists()


def test_what_is_handed_in_is_taken_over_and_may_change_later(box: Box) -> None:
    box.give("flexcore.code", "abcde-fghij\n")
    box.give("flexcore.reader", "a reader's password")
    box.give("flexcore.station", STATION.format(id="north"))
    assert box.start().returncode == 0
    assert box.console.read_text() == ""
    assert PasswordHasher().verify(box.read("secrets/web-code"), "ABCDEFGHIJ")
    assert box.read("secrets/mqtt/reader") == "a reader's password"
    assert 'id = "north"' in box.read("station.toml")
    assert box.start().returncode == 0
    before = box.snapshot()
    box.give("flexcore.code", "ZZZZZ-22222")
    box.give("flexcore.reader", "another password")
    box.give("flexcore.station", STATION.format(id="south"))
    assert box.start().returncode == 0
    after = box.snapshot()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {
        "secrets/web-code",
        "secrets/mqtt/reader",
        "secrets/mosquitto.passwd",
        "station.toml",
    }
    assert PasswordHasher().verify(box.read("secrets/web-code"), "ZZZZZ22222")
    line = next(x for x in box.read("secrets/mosquitto.passwd").splitlines() if x.startswith("reader:"))
    assert fits(line, "reader", "another password")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("flexcore.station", "[station]\nid = 7", "credential flexcore.station: station.id: expected"),
        ("flexcore.code", "1234", "credential flexcore.code: (text): expected 8 to 64"),
        ("flexcore.reader", "short", "credential flexcore.reader: (text): expected 8 to 128"),
        ("flexcore.station", "x" * 300_000, "credential flexcore.station: (text): expected at most"),
    ],
    ids=["station", "code", "reader", "huge"],
)
def test_a_bad_credential_is_one_line_and_the_old_stays(box: Box, name: str, text: str, said: str) -> None:
    box.give("flexcore.code", "ABCDEFGHIJ")
    box.give("flexcore.station", STATION.format(id="north"))
    box.start()
    before = box.snapshot()
    box.give(name, text)
    done = box.start()
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    after = box.snapshot()
    refused = after.pop("station.refused", None)
    assert (refused is not None) == (name == "flexcore.station")
    assert after == before


def test_a_bad_code_at_the_first_boot_is_as_if_none_was_given(box: Box) -> None:
    box.give("flexcore.code", "1234")
    done = box.start()
    assert done.returncode == 0
    assert done.stderr.count("credential flexcore.code") == 1
    code = box.console.read_text().split("code of this box is ")[1].split()[0]
    assert PasswordHasher().verify(box.read("secrets/web-code"), sticker.normal(code) or "")
    assert code not in done.stderr


@pytest.mark.parametrize("password", ["short", "x" * 2000, "tab\tand more"])
def test_a_bad_reader_password_at_the_first_boot_is_drawn_instead(box: Box, password: str) -> None:
    box.give("flexcore.code", "ABCDEFGHIJ")
    box.give("flexcore.reader", password)
    done = box.start()
    assert done.returncode == 0
    assert done.stderr.count("credential flexcore.reader") == 1
    drawn = box.read("secrets/mqtt/reader")
    assert len(drawn) >= 32
    line = next(x for x in box.read("secrets/mosquitto.passwd").splitlines() if x.startswith("reader:"))
    assert fits(line, "reader", drawn)
    assert not fits(line, "reader", "")


def test_a_refused_station_leaves_a_line_for_the_page_until_a_good_one_comes(box: Box) -> None:
    box.give("flexcore.code", "ABCDEFGHIJ")
    box.give("flexcore.station", "[station]\nid = 7")
    assert box.start().returncode == 0
    refused = box.state / "station.refused"
    assert refused.read_text().startswith("credential flexcore.station: station.id: expected")
    assert refused.read_text().count("\n") == 1
    assert stat.S_IMODE(refused.stat().st_mode) == 0o644
    box.give("flexcore.station", STATION.format(id="north"))
    assert box.start().returncode == 0
    assert not refused.exists()


@pytest.mark.parametrize("stuck", [*EVERYTHING, "store", "station.toml"])
def test_one_step_that_fails_keeps_no_other_from_being_done(box: Box, stuck: str) -> None:
    """A folder stands where a file should (and a file where the store should)."""
    box.give("flexcore.code", "ABCDEFGHIJ")
    box.give("flexcore.station", STATION.format(id="north"))
    where = box.state / stuck
    if stuck == "store":
        box.state.mkdir()
        where.touch()
    else:
        (where / "in the way").mkdir(parents=True)
    done = box.start()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    # A certificate without its key is not made.
    left_out = {stuck, "tls/cert.pem"} if stuck == "tls/key.pem" else {stuck}
    for name in {*EVERYTHING, "station.toml"} - left_out:
        assert (box.state / name).is_file(), name
    if stuck != "secrets/mosquitto.passwd":
        lines = box.read("secrets/mosquitto.passwd").splitlines()
        there = [n for n in BROKER_USERS if f"secrets/mqtt/{n}" != stuck]
        for line, name in zip(lines, there, strict=True):
            assert fits(line, name, box.read(f"secrets/mqtt/{name}"))


def test_a_mistake_in_one_step_is_one_line_and_no_secret(
    box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_name: str) -> tuple[bytes, bytes]:
        raise ValueError("no\nentropy")

    monkeypatch.setattr(_certificate, "make", broken)
    paths = Paths(state=box.state, run=box.state, credentials=box.credentials)
    assert Provisioning(paths, box.console).run() is False
    said = [r.getMessage() for r in caplog.records if "ValueError" in r.getMessage()]
    assert len(said) == 1
    assert "\n" not in said[0]
    assert "entropy" not in caplog.text
    assert (box.state / "secrets/web-code").is_file()


@pytest.mark.parametrize("missing", EVERYTHING)
def test_a_cut_at_any_file_is_completed_by_the_next_start(box: Box, missing: str) -> None:
    box.give("flexcore.code", "ABCDEFGHIJ")
    box.start()
    (box.state / missing).unlink()
    (box.state / missing).with_name(f".{Path(missing).name}.new").write_bytes(b"half")
    assert box.start().returncode == 0
    after = box.snapshot()
    assert set(EVERYTHING) <= set(after)
    assert not any(name.endswith(".new") for name in after)
    assert _certificate.fit_together(box.state / "tls/cert.pem", box.state / "tls/key.pem")
    for line, name in zip(box.read("secrets/mosquitto.passwd").splitlines(), BROKER_USERS, strict=True):
        assert fits(line, name, box.read(f"secrets/mqtt/{name}"))


def test_empty_files_of_a_cut_file_system_are_made_again(box: Box) -> None:
    box.give("flexcore.code", "ABCDEFGHIJ")
    box.start()
    for name in EVERYTHING:
        (box.state / name).write_bytes(b"")
    assert box.start().returncode == 0
    assert all(content for content, _ in box.snapshot().values())


def test_the_certificate_outlives_a_wrong_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 3600.0)
    _, pem = _certificate.make("flexcore-north")
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.not_valid_before_utc == datetime(2026, 1, 1, tzinfo=UTC)
    assert certificate.not_valid_after_utc >= datetime(2045, 12, 31, tzinfo=UTC)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", "flexcore.local", "flexcore-north"}
    assert {str(a) for a in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "10.0.2.15"}


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "10.0.2.15", "flexcore.local", "flexcore-north"])
def test_a_client_with_strict_defaults_takes_the_pinned_certificate(tmp_path: Path, name: str) -> None:
    """Python 3.13 checks X.509 strictly by default; the name is checked as well."""
    key, certificate = _certificate.make("flexcore-north")
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "cert.pem").write_bytes(certificate)
    box = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    box.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    strict = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = strict.wrap_bio(back, there, server_hostname=name)
    server = box.wrap_bio(there, back, server_side=True)
    for end in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    assert client.version() == "TLSv1.3"


def test_the_password_line_is_mosquitto_s_own(tmp_path: Path) -> None:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("mosquitto_passwd is not installed")
    file = tmp_path / "passwd"
    subprocess.run([program, "-b", "-c", str(file), "record", "a password"], check=True, capture_output=True)
    assert fits(file.read_text().strip(), "record", "a password")
    assert not fits(file.read_text().strip(), "record", "another")
    assert not fits("record:garbage", "record", "another")
    assert password_line("a", "b") != password_line("a", "b")


def test_the_real_broker_serves_what_was_provisioned(box: Box) -> None:
    """Password file, key and certificate in the real broker: over TLS with the pinned certificate."""
    box.give("flexcore.code", "ABCDEFGHIJ")
    box.give("flexcore.reader", "a reader's password")
    assert box.start().returncode == 0
    with Broker() as broker:
        port = broker.free_port()
        settings = broker.settings.read_text().replace(
            f"{broker.folder}/passwd", f"{box.state}/secrets/mosquitto.passwd"
        )
        tls = (
            f"\nlistener {port} 127.0.0.1\ncertfile {box.state}/tls/cert.pem\nkeyfile {box.state}/tls/key.pem"
        )
        broker.stop()
        broker.settings.write_text(settings + tls)
        broker.start()
        pinned = TcpAddress("127.0.0.1", port, box.state / "tls/cert.pem")
        heard = threading.Event()
        reader = MeasurementBus(
            service="reader", address=pinned, username="reader", password="a reader's password"
        )
        reader.subscribe("flexcore/v1/#", lambda _topic, _payload: heard.set())
        reader.start()
        assert reader.wait_connected(5.0)
        writer = MeasurementBus(
            service="record",
            address=broker.address,
            username="record",
            password=box.read("secrets/mqtt/record"),
        )
        writer.start()
        assert writer.wait_connected(5.0)
        writer.publish("flexcore/v1/s/meta", b"{}", qos=1, retain=True)
        assert heard.wait(5.0)
        writer.close()
        reader.close()

        (box.state / "tls/cert.pem").unlink()
        stranger = box.state / "other.pem"
        stranger.write_bytes(_certificate.make("flexcore-other")[1])
        fooled = MeasurementBus(
            service="reader",
            address=TcpAddress("127.0.0.1", port, stranger),
            username="reader",
            password="a reader's password",
        )
        fooled.start()
        assert not fooled.wait_connected(1.0), "another certificate than the pinned one must be refused"
        fooled.close()
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context(cafile=str(stranger)).load_cert_chain(stranger)


def test_codes_are_read_as_people_type_them() -> None:
    assert sticker.normal(" abcde fgh-ij\n") == "ABCDEFGHIJ"
    assert sticker.normal("short") is None
    assert sticker.normal("ABCDEFGHI!") is None
    assert sticker.normal("A" * 1000) is None
    drawn = {sticker.draw_code() for _ in range(200)}
    assert len(drawn) == 200
    assert all(sticker.normal(sticker.spell(code)) == code for code in drawn)
