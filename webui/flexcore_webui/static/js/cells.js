// Keeps the numbers of the page alive: finds every marked place once, then only writes what changed.

import { clock, fill, number } from "./format.js";

let words;
let span;
const elements = new Map();

function place(element) {
  let found = elements.get(element);
  if (!found) {
    found = { cards: [], cells: [], needles: [], times: [], marks: [], verdicts: [], directions: [] };
    elements.set(element, found);
  }
  return found;
}

function each(selector, action) {
  for (const node of document.querySelectorAll(selector)) action(node, node.dataset);
}

/** Learn the page. */
export function learn(pageWords, gaugeSpan) {
  words = pageWords;
  span = gaugeSpan;
  each("[data-card]", (node, d) => place(d.card).cards.push(node));
  each("[data-quantity]", (node, d) =>
    place(d.element).cells.push({
      node,
      quantity: d.quantity,
      scale: Number(d.scale),
      centre: Number(d.centre),
      decimals: Number(d.decimals),
      sign: "sign" in d,
    }),
  );
  each("[data-gauge]", (node, d) =>
    place(d.element).needles.push({
      node, quantity: d.gauge, scale: Number(d.scale), centre: Number(d.centre),
    }),
  );
  each("[data-time]", (node, d) => place(d.time).times.push(node));
  each("[data-marks]", (node, d) => place(d.marks).marks.push(node));
  each("[data-verdict]", (node, d) => place(d.verdict).verdicts.push(node));
  each("[data-direction]", (node, d) => place(d.direction).directions.push(node));
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function useIcon(node, name) {
  const target = `#i-${name}`;
  const use = node.querySelector("use");
  if (use.getAttribute("href") !== target) use.setAttribute("href", target);
}

function toggle(node, name, on) {
  if (node.hasAttribute(name) !== on) node.toggleAttribute(name, on);
}

/** Show one element as the snapshot has it. */
export function show(name, now) {
  const p = elements.get(name);
  if (!p) return;
  for (const c of p.cells) {
    const value = now.v[c.quantity];
    const missing = value === null || value === undefined;
    write(c.node, number(missing ? null : (value - c.centre) / c.scale, c.decimals, c.sign));
  }
  for (const g of p.needles) {
    const value = now.v[g.quantity];
    const missing = value === null || value === undefined;
    const percent = missing ? -10 * span : Math.max(-span, Math.min(span, (value - g.centre) / g.scale));
    g.node.setAttribute("x", (percent - 0.55).toFixed(2));
  }
  for (const t of p.times) {
    write(t, now.t ? clock(now.t, true, !("noZone" in t.dataset)) : "–");
    if (now.t) {
      t.dateTime = now.t;
      t.title = now.t;
    }
  }
  for (const node of p.directions) {
    useIcon(node, now.direction || "none");
    write(node.querySelector("[data-word]"), now.direction ? words.direction[now.direction] : "–");
    write(node.querySelector("[data-character]"), now.character ? words.character[now.character] : "");
  }
  showState(name, now.judgement, now.stale, now.age_s, now.flag);
}

/** Show whether an element is live, marked, and how it is judged. */
export function showState(name, judgement, stale, ageSeconds, flags) {
  const p = elements.get(name);
  if (!p) return;
  const marks = flags.map((f) => words.flag[f] || f);
  const old = stale && ageSeconds !== null ? fill(words.client.age, { seconds: number(ageSeconds, 0) }) : "";
  for (const node of p.marks) showMarks(node, old, marks);
  for (const card of p.cards) {
    toggle(card, "data-stale", stale);
    toggle(card, "data-flagged", flags.length > 0);
    if (judgement && card.dataset.state !== judgement.state) card.dataset.state = judgement.state;
  }
  if (!judgement) return;
  for (const node of p.verdicts) {
    if (node.dataset.state !== judgement.state) node.dataset.state = judgement.state;
    useIcon(node, judgement.state);
    write(node.querySelector("[data-word]"), words.state[judgement.state]);
    const reason = fill(words.reason[judgement.reason], {
      subject: judgement.subject,
      flag: words.flag[judgement.flag] || judgement.flag,
      deviation: number(judgement.deviation_percent, judgement.reason === "frequency" ? 2 : 1, true) + "\u202f%",
      limit: number(judgement.limit_percent, 0) + "\u202f%",
    });
    write(node.querySelector("[data-reason]"), reason);
  }
}

function showMarks(node, old, marks) {
  const wanted = [old, ...marks].join("|");
  if (node.dataset.shown === wanted) return;
  node.dataset.shown = wanted;
  const made = marks.map((text) => {
    const flag = document.createElement("span");
    flag.className = "flag";
    const icon = document.querySelector("#pulse .icon").cloneNode(true);
    icon.querySelector("use").setAttribute("href", "#i-flag");
    flag.append(icon, text);
    return flag;
  });
  if (old) {
    const flag = document.createElement("span");
    flag.className = "flag old";
    flag.textContent = old;
    made.unshift(flag);
  }
  node.replaceChildren(...made);
}
