// Lists that change seldom are made by the server; they are fetched again when their version rises.

const PARTS = {
  alarms: { versions: ["alarms"], pause: 1000 },
  events: { versions: ["events"], pause: 500 },
  gaps: { versions: ["events"], pause: 500 },
  load: { versions: ["load"], pause: 2000 },
  sensors: { versions: ["sensors"], pause: 2000 },
  health: { versions: ["health"], pause: 5000 },
};
const seen = {};
const waiting = new Set();

/** Start from the versions that the page was made with. */
export function begin(versions) {
  for (const [name, part] of Object.entries(PARTS)) seen[name] = key(part, versions);
}

/** After a lost connection nothing is known to be new: fetch all. */
export function forget() {
  for (const name of Object.keys(PARTS)) seen[name] = "";
}

function key(part, versions) {
  return part.versions.map((v) => versions[v]).join();
}

export function renew(versions) {
  for (const [name, part] of Object.entries(PARTS)) {
    const now = key(part, versions);
    if (seen[name] === now || waiting.has(name)) continue;
    seen[name] = now;
    waiting.add(name);
    fetchPart(name).finally(() => setTimeout(() => waiting.delete(name), part.pause));
  }
}

async function fetchPart(name) {
  try {
    const answer = await fetch(`/parts/${name}`, { cache: "no-store" });
    if (answer.status === 401) return location.assign("/sign-in");
    if (!answer.ok) throw new Error(String(answer.status));
    put(document.getElementById(`part-${name}`), await answer.text());
  } catch {
    seen[name] = "";
  }
}

function put(target, html) {
  if (!target) return;
  const made = document.createElement("template");
  made.innerHTML = html;
  // What a person opened stays open, and keeps the focus.
  const twin = (details) => made.content.querySelector(`[data-keep="${CSS.escape(details.dataset.keep)}"]`);
  for (const details of target.querySelectorAll("details[open]")) twin(details)?.setAttribute("open", "");
  const active = target.contains(document.activeElement) ? document.activeElement.closest("details") : null;
  const focus = active && twin(active)?.querySelector("summary");
  target.replaceChildren(made.content);
  focus?.focus({ preventScroll: true });
}
