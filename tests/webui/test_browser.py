"""What a person sees, in headless Chromium: two languages, phone and desktop, live, stale, a dip.

Screenshots for people to look at are left in dist/screenshots/.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from werkzeug.serving import make_server

from flexcore.model import Flag
from flexcore.payloads import Alarm
from flexcore_webui.app import create_app
from flexcore_webui.settings import WebSettings
from support.web_scene import CODE, NS, UDIN, Scene, busbar_values, field_values, make_paths

pytestmark = pytest.mark.browser
SHOTS = Path(__file__).parents[2] / "dist/screenshots"
DRIVER = "/usr/bin/chromedriver"
SIZES = {"phone": (390, 844), "desktop": (1440, 900)}
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter",
)


class Page:
    """A browser on the page."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url
        self.requests: list[str] = []

    def size(self, name: str) -> None:
        width, height = SIZES[name]
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": name == "phone"},
        )

    def scheme(self, name: str) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]}
        )

    def language(self, name: str) -> None:
        self.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": name}})

    def open(self, path: str = "/") -> None:
        self.driver.get(self.url + path)

    def sign_in(self) -> None:
        self.open("/sign-in")
        field = self.driver.find_element(By.ID, "code")
        field.send_keys(CODE.lower(), Keys.ENTER)
        self.until(lambda: bool(self.driver.find_elements(By.ID, "pulse")))

    def text(self, selector: str = "body") -> str:
        return str(
            self.driver.execute_script(
                "return document.querySelector(arguments[0])?.innerText ?? ''", selector
            )
        ).replace("\u202f", "")

    def number(self, element: str, quantity: str) -> str:
        return self.text(f'[data-element="{element}"][data-quantity="{quantity}"]')

    def pulse(self) -> str:
        return str(self.driver.find_element(By.ID, "pulse").get_attribute("data-pulse"))

    def until(self, what: Callable[[], bool], timeout_s: float = 8.0) -> None:
        end = time.monotonic() + timeout_s
        while not what():
            assert time.monotonic() < end, f"it did not happen in time; the page says:\n{self.text()}"
            time.sleep(0.05)

    def shot(self, name: str, *, whole: bool = False) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        parameters: dict[str, object] = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            width, height = self.driver.execute_script(
                "const d = document.documentElement; return [d.clientWidth, d.scrollHeight]"
            )
            parameters["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        data = self.driver.execute_cdp_cmd("Page.captureScreenshot", parameters)["data"]
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(data))

    def errors(self) -> list[str]:
        return [
            f"{e['level']} {e['message']}"
            for e in self.driver.get_log("browser")
            if e["level"] in ("SEVERE", "WARNING")
        ]

    def asked(self) -> set[str]:
        """Hosts that any request so far went to."""
        found = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith(("data:", "blob:", "chrome:", "about:")):
                    found.add(re.sub(r"^\w+://([^/]+).*", r"\1", url))
        return found


@dataclass
class Feed:
    """Values five times a second, until it is told to stop."""

    scene: Scene
    talking: bool = True
    flags: tuple[Flag, ...] = ()
    volts: dict[str, tuple[float, float, float]] | None = None

    def run(self, ended: threading.Event) -> None:
        step = 0
        while not ended.wait(0.2):
            if not self.talking:
                continue
            self.scene.all_values(step / 4, self.flags)
            for element, u in (self.volts or {}).items():
                self.scene.measure(element, busbar_values(*u))
            if step % 15 == 0:
                self.scene.all_values(step / 4, self.flags, "3s")
            if step % 10 == 0:
                self.scene.all_health()
            step += 1


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[tuple[Feed, Scene, str]]:
    settings = WebSettings(paths=make_paths(tmp_path), secure=False, proxied=False)
    scene = Scene(settings, real_time=True)
    server = make_server("127.0.0.1", 0, create_app(settings, scene.board), threaded=True)
    server.log_startup = False  # type: ignore[attr-defined]
    scene.board.start()
    begin = time.time_ns() - 600 * NS
    for k in range(195):
        for bb, u in UDIN.items():
            values = busbar_values(u * (1.004 + 0.004 * ((k * 7) % 11) / 11), u * 0.997, u * 1.006)
            scene.measure(bb, values, "3s", ("gap",) if 90 < k < 96 else (), begin + k * 3 * NS)
    one, ended = Feed(scene), threading.Event()
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
        threading.Thread(target=one.run, args=(ended,), daemon=True),
    ]
    for thread in threads:
        thread.start()
    yield one, scene, f"http://127.0.0.1:{server.port}"
    ended.set()
    scene.board.close()
    server.shutdown()
    for thread in threads:
        thread.join(5)
    server.server_close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    if not Path(DRIVER).exists():
        pytest.skip("chromium-driver is not installed")
    profile = tempfile.mkdtemp(prefix="fc-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "/usr/bin/chromium"
    for option in (*OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def page(chromium: webdriver.Chrome, feed: tuple[Feed, Scene, str]) -> Iterator[Page]:
    chromium.execute_cdp_cmd("Network.enable", {})
    chromium.delete_all_cookies()
    one = Page(chromium, feed[2])
    one.size("desktop")
    one.scheme("dark")
    one.language("nl")
    one.open("/sign-in")
    chromium.delete_all_cookies()
    one.errors()
    yield one
    assert one.asked() == {feed[2].removeprefix("http://")}, "a request left the box"
    chromium.get("about:blank")


def no_sideways_scrolling(page: Page) -> bool:
    return bool(
        page.driver.execute_script(
            "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )


@pytest.mark.parametrize("size", ["phone", "desktop"])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_signing_in_and_seeing_values_move(
    page: Page, feed: tuple[Feed, Scene, str], size: str, language: str
) -> None:
    scene = feed[1]
    page.size(size)
    page.language(language)
    page.open("/sign-in")
    page.shot(f"sign-in-{size}-{language}")
    scene.event("dip", "bb1", at_ns=time.time_ns() - 400 * NS, duration_s=0.43, percent=63.2)
    scene.event("gap", "bb1", at_ns=time.time_ns() - 330 * NS, duration_s=14.8)
    page.sign_in()
    page.until(lambda: page.pulse() == "live")
    decimal = "," if language == "nl" else "."
    seen: set[str] = set()

    def moved() -> bool:
        seen.add(page.number("bb1", "u_l1_v"))
        return len(seen) >= 3

    page.until(moved)
    for shown in seen:
        assert re.fullmatch(rf"5\{decimal}8\d\d", shown), shown
    assert ("Spanning op de rails" if language == "nl" else "Voltage on the busbars") in page.text()
    assert page.driver.execute_script("return document.documentElement.lang") == language
    page.until(lambda: page.driver.find_element(By.CSS_SELECTOR, ".trend").is_displayed())
    assert no_sideways_scrolling(page)
    page.shot(f"overview-{size}-{language}", whole=True)
    for section in ("busbars", "fields", "events", "gaps", "health"):
        heading = page.driver.find_element(By.ID, f"h-{section}")
        page.driver.execute_script("arguments[0].scrollIntoView()", heading)
        page.shot(f"overview-{size}-{language}-{section}")
    assert page.errors() == []


def test_old_numbers_are_never_shown_as_live(page: Page, feed: tuple[Feed, Scene, str]) -> None:
    page.sign_in()
    page.until(lambda: page.pulse() == "live")
    feed[0].talking = False
    page.until(lambda: page.pulse() == "stale", 6.0)
    page.until(lambda: "oud: 3 s" in page.text("[data-card=bb1]"), 6.0)
    assert "Geen nieuwe waarden: wat u ziet is oud." in page.text("#banner")
    assert "niet beoordeeld" in page.text("[data-card=bb1]")
    page.until(lambda: "Er komen geen waarden binnen" in page.text("#part-alarms"))
    page.shot("stale-desktop-nl")
    feed[0].talking = True
    page.until(lambda: page.pulse() == "live")
    assert "oud:" not in page.text("main")
    assert page.errors() == []


def test_a_lost_connection_is_said_and_comes_back(page: Page, feed: tuple[Feed, Scene, str]) -> None:
    page.size("phone")
    page.sign_in()
    page.until(lambda: page.pulse() == "live")
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    # A stream that is open goes on in Chromium's emulation: let the box fall silent too.
    streams = feed[1].board.streams
    streams.close()
    page.until(lambda: page.pulse() == "offline", 8.0)
    assert "Verbinding met de box weg" in page.text("#banner")
    assert "Alles werkt" not in page.text("#part-alarms"), "nothing is known any more"
    page.until(lambda: "oud: 4 s" in page.text("[data-card=f1]"), 6.0)
    page.shot("offline-phone-nl")
    page.errors()
    streams.start()
    online = offline | {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", online)
    page.until(lambda: page.pulse() == "live", 20.0)
    assert page.text("#banner") == ""


def test_when_every_place_is_taken_the_page_still_lives(page: Page, feed: tuple[Feed, Scene, str]) -> None:
    streams = feed[1].board.streams
    held = [streams.subscribe(f"viewer {n}") for n in range(24)]
    page.sign_in()
    page.until(lambda: page.pulse() == "live")
    first = page.number("bb1", "u_l1_v")
    page.until(lambda: page.number("bb1", "u_l1_v") != first)
    assert page.pulse() == "live"
    for one in held:
        one.close()
    page.until(lambda: streams.open == 1)
    page.errors()  # the refusals


def test_a_session_that_ended_leads_to_the_door(page: Page) -> None:
    page.sign_in()
    page.until(lambda: page.pulse() == "live")
    page.driver.delete_all_cookies()
    page.until(lambda: page.driver.current_url.endswith("/sign-in"), 10.0)
    page.errors()


def test_a_dip_is_seen_while_it_lasts_and_in_the_list(page: Page, feed: tuple[Feed, Scene, str]) -> None:
    one, scene, _ = feed
    page.sign_in()
    page.until(lambda: "Geen dips" in page.text("#part-events"))
    one.flags = ("dip",)
    at = time.time_ns()
    scene.event("dip", "bb1", state="begin", at_ns=at, percent=70.0)
    page.until(lambda: "duurt nog" in page.text("#part-events"))
    page.until(lambda: "De waarde is gemarkeerd: dip" in page.text("[data-card=bb1]"))
    page.until(lambda: "dip" in page.text('[data-marks="f1"]'))
    page.shot("dip-now-desktop-nl")
    one.flags = ()
    scene.event("dip", "bb1", at_ns=at, duration_s=0.26, percent=41.3)
    page.until(lambda: "41,3" in page.text("#part-events"))
    row = page.text('#part-events tr[data-type="dip"]')
    assert "260 ms" in row
    assert "L1, L2" in row
    assert "duurt nog" not in row
    page.until(lambda: "acceptabel" in page.text("[data-card=bb1]"))
    assert page.errors() == []


def test_colours_come_with_icons_and_words_in_both_themes(page: Page, feed: tuple[Feed, Scene, str]) -> None:
    one, scene, _ = feed
    low = UDIN["bb2"]
    one.volts = {"bb1": tuple(UDIN["bb1"] * k for k in (1.0, 1.092, 1.0)), "bb2": (low, low, low * 0.85)}  # type: ignore[dict-item]
    scene.health("record", "fault", (Alarm("store_full", "2026-11-23T01:00:00Z", "0 MB vrij op /data"),))
    page.sign_in()

    def judged() -> bool:
        return "dicht bij de grens" in page.text("[data-verdict=bb1]") and "over de grens" in page.text(
            "[data-verdict=bb2]"
        )

    page.until(judged)
    assert "L3 wijkt −15,0% af" in page.text("[data-verdict=bb2]")
    icon = page.driver.find_element(By.CSS_SELECTOR, "[data-verdict=bb2] use").get_attribute("href")
    assert icon == "#i-over"
    for size in SIZES:
        page.size(size)
        for theme in ("dark", "light"):
            page.scheme(theme)
            page.until(judged)
            page.shot(f"judged-{size}-{theme}")
    # A chosen theme outlives what the device prefers.
    page.size("desktop")
    page.driver.find_element(By.CSS_SELECTOR, ".menu summary").click()
    page.shot("menu-desktop")
    page.driver.find_element(By.CSS_SELECTOR, 'button[value="sun"]').click()
    page.until(lambda: page.driver.execute_script("return document.documentElement.dataset.theme") == "sun")
    page.scheme("dark")
    white = page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert white == "rgb(255, 255, 255)"
    assert page.errors() == []


OVERLAPS = """
const out = [];
for (const row of document.querySelectorAll('.fields tr[data-card], .phases')) {
  const cells = [...row.querySelectorAll('.cell')].map((c) => [c.textContent, c.getBoundingClientRect()]);
  for (const [one, a] of cells) for (const [two, b] of cells) {
    const apart = a === b || a.left >= b.right - 1 || b.left >= a.right - 1
      || a.top >= b.bottom - 2 || b.top >= a.bottom - 2;
    if (!apart) out.push(`${one} | ${two}`);
  }
}
return out;
"""


def test_the_widest_numbers_fit_at_every_width(page: Page, feed: tuple[Feed, Scene, str]) -> None:
    one, scene, _ = feed
    page.sign_in()
    one.talking = False
    time.sleep(0.4)
    for field in ("f1", "f2", "f3"):
        wide = field_values(1888.88, 28_000.0, -158.8, 1188.88)
        scene.measure(field, wide, flags=("dip", "gap"))
    page.until(lambda: page.number("f1", "i_l1_a") == "1.888,88")
    for width in (320, 360, 390, 412, 768, 1024, 1280, 1366, 1440, 1920):
        page.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 800},
        )
        assert page.driver.execute_script(OVERLAPS) == [], width
        assert no_sideways_scrolling(page), width


def test_by_keyboard_alone(page: Page) -> None:
    page.sign_in()
    active = page.driver.switch_to
    active.active_element.send_keys(Keys.TAB)
    assert active.active_element.text == "Naar de inhoud"
    active.active_element.send_keys(Keys.TAB)
    assert active.active_element.tag_name == "summary"
    active.active_element.send_keys(Keys.ENTER)
    menu = page.driver.find_element(By.CSS_SELECTOR, ".menu")
    assert menu.get_attribute("open")
    active.active_element.send_keys(Keys.TAB, Keys.ESCAPE)
    assert not menu.get_attribute("open")
    assert active.active_element.tag_name == "summary"


def test_without_scripts_the_numbers_are_there(page: Page) -> None:
    page.sign_in()
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open("/")
        page.shot("no-scripts-desktop-nl")
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert page.pulse() == "snapshot"
    assert "Momentopname" in page.text("#pulse")
    assert "Scripts staan uit" in page.driver.page_source
    assert re.fullmatch(r"5,8\d\d", page.number("bb1", "u_l1_v"))


def test_server_and_browser_write_the_same(page: Page, feed: tuple[Feed, Scene, str]) -> None:
    """What the server wrote must not change when scripts take over with the same values."""
    one, _, _ = feed
    page.sign_in()
    one.talking = False
    time.sleep(0.5)
    for language in ("nl", "en"):
        page.language(language)
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        page.open("/")
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        collect = (
            "return [...document.querySelectorAll('[data-quantity], [data-time], [data-gauge],"
            " [data-direction]')].map(n => n.getAttribute('x') ?? n.textContent.trim())"
        )
        by_server = page.driver.execute_script(collect)
        page.open("/")
        page.until(lambda: page.pulse() != "snapshot")
        by_browser = page.driver.execute_script(collect)
        assert len(by_server) > 40
        assert [float(x) if re.fullmatch(r"-?\d+\.\d+", x) else x for x in by_server] == [
            float(x) if re.fullmatch(r"-?\d+\.\d+", x) else x for x in by_browser
        ]
