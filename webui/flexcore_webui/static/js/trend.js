// The last minutes of a busbar's voltages as three lines; a hole in the data is a hole in the line.

import { number } from "./format.js";

const WIDTH = 600;
const HEIGHT = 96;
const HOLE_S = 7;
const PHASES = ["l1", "l2", "l3"];

export class Trend {
  constructor(figure, minutes) {
    this.figure = figure;
    this.minutes = minutes;
    this.udin = Number(figure.dataset.udin);
    this.scale = Number(figure.dataset.scale);
    this.decimals = Number(figure.dataset.decimals);
    this.points = [];
  }

  async renew() {
    const last = this.points.at(-1);
    const query = last ? `?after=${last.t}` : "";
    const answer = await fetch(`/api/v1/trend/${encodeURIComponent(this.figure.dataset.trend)}${query}`);
    if (!answer.ok) return;
    const got = await answer.json();
    got.t.forEach((t, i) =>
      this.points.push({ t, l1: got.u_v[0][i], l2: got.u_v[1][i], l3: got.u_v[2][i] }),
    );
    this.draw();
  }

  draw() {
    const end = this.points.at(-1)?.t;
    if (end === undefined) return;
    const begin = end - this.minutes * 60;
    this.points = this.points.filter((p) => p.t >= begin);
    const values = this.points.flatMap((p) => PHASES.map((l) => p[l])).filter((v) => v !== null);
    if (values.length < 6) return;
    const lowest = Math.min(...values);
    const highest = Math.max(...values);
    // Never zoom in so far that noise looks like trouble: at least 2 % of nominal from bottom to top.
    const middle = (lowest + highest) / 2;
    const reach = Math.max((highest - lowest) * 0.6, this.udin * 0.01);
    const y = (v) => (HEIGHT * (0.5 - (v - middle) / (2 * reach))).toFixed(1);
    const x = (t) => ((WIDTH * (t - begin)) / (end - begin)).toFixed(1);
    for (const phase of PHASES) {
      let path = "";
      let previous = null;
      for (const p of this.points) {
        if (p[phase] === null) {
          previous = null;
          continue;
        }
        const joined = previous !== null && p.t - previous < HOLE_S;
        path += `${joined ? "L" : "M"}${x(p.t)} ${y(p[phase])}`;
        previous = p.t;
      }
      this.figure.querySelector(`path.${phase}`).setAttribute("d", path);
    }
    const inside = Math.abs(this.udin - middle) < reach;
    this.figure.querySelector("path.nominal").setAttribute("d", inside ? `M0 ${y(this.udin)}H${WIDTH}` : "");
    const caption = this.figure.querySelector("[data-span]");
    const show = (v) => number(v / this.scale, this.decimals);
    caption.textContent = `${show(lowest)} – ${show(highest)} ${caption.dataset.unit}`;
    this.figure.hidden = false;
  }
}
