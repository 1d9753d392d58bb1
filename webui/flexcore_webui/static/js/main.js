// Brings the overview to life. Without this file the page is a snapshot and says so.

import * as cells from "./cells.js";
import { clock, fill, number, setLanguage, setZone } from "./format.js";
import * as lists from "./lists.js";
import { Stream } from "./stream.js";
import { Trend } from "./trend.js";

const page = JSON.parse(document.getElementById("page-data").textContent);
const words = page.words;
const pulse = document.getElementById("pulse");
const banner = document.getElementById("banner");
const boxClock = document.getElementById("box-clock");
const lastValue = document.getElementById("last-value");
const TOUCH_MS = 5 * 60 * 1000;
const HIDDEN_MS = 30 * 1000;

let last = null;
let site = page.versions.site;
let trendVersion = -1;
let lost = false;

setLanguage(page.lang);
cells.learn(words, page.gaugeSpan);
lists.begin(page.versions);
const trends = [...document.querySelectorAll("[data-trend]")].map((f) => new Trend(f, page.minutes));

function showPulse(state) {
  if (pulse.dataset.pulse === state) return;
  pulse.dataset.pulse = state;
  cells.useIcon(pulse, state);
  pulse.querySelector("[data-word]").textContent = words.client[state];
}

function showBanner(text) {
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
}

function onSnapshot(now) {
  if (now.versions.site !== site) {
    // Another station file: the page itself is different now.
    if (last) return location.reload();
    site = now.versions.site;
  }
  if (lost) {
    lost = false;
    document.body.removeAttribute("data-lost");
    lists.forget();
  }
  last = now;
  setZone(now.zone, now.utc_offset_s);
  boxClock.textContent = clock(now.time);
  boxClock.dateTime = now.time;
  let latest = "";
  for (const [name, element] of Object.entries(now.elements)) {
    cells.show(name, element);
    if (element.t && element.t > latest) latest = element.t;
  }
  if (latest) {
    lastValue.textContent = clock(latest, true);
    lastValue.dateTime = latest;
    lastValue.title = latest;
  }
  showPulse(now.live ? "live" : "stale");
  showBanner(now.live || now.station_state !== "ready" ? "" : words.client["not-live"]);
  lists.renew(now.versions);
  if (now.versions.trend !== trendVersion) {
    trendVersion = now.versions.trend;
    for (const trend of trends) trend.renew().catch(() => (trendVersion = -1));
  }
}

/** Nothing comes any more: every number on the page grows old, in words and in looks. */
function growOld() {
  if (!stream.silent) return;
  lost = true;
  document.body.setAttribute("data-lost", "");
  showPulse("offline");
  showBanner(words.client.away + " (" + fill(words.client.since, { seconds: number(stream.silentSeconds, 0) }) + ")");
  if (!last) return;
  for (const [name, e] of Object.entries(last.elements)) {
    const age = e.age_s === null ? null : e.age_s + stream.silentSeconds;
    const judgement = e.judgement ? { state: "not-judged", reason: "stale", subject: "", flag: "" } : null;
    cells.showState(name, judgement, true, age, e.flag);
  }
}

const stream = new Stream("/api/v1/live", "/api/v1/snapshot", {
  onSnapshot,
  onSilence: growOld,
  onRefused: () => location.assign("/sign-in"),
});
setInterval(growOld, 1000);
stream.open();

// A page nobody looks at costs the box nothing.
let hiddenTimer;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => stream.close(), HIDDEN_MS);
  else if (!stream.source) stream.open();
});
addEventListener("pagehide", () => stream.close());
addEventListener("pageshow", (event) => event.persisted && stream.open());

// A person is still there: keeps the session from ending while somebody uses the page.
let touched = Date.now();
for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, () => {
    if (Date.now() - touched < TOUCH_MS) return;
    touched = Date.now();
    const token = document.querySelector('meta[name="csrf"]').content;
    fetch("/api/v1/session", { method: "POST", headers: { "X-CSRF-Token": token } }).catch(() => (touched = 0));
  }, { passive: true });
}

// The menu closes where people expect it to.
const menu = document.querySelector(".menu");
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
addEventListener("click", (event) => {
  if (menu.open && !menu.contains(event.target)) menu.open = false;
});
