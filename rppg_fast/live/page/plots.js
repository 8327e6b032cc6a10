// The pulse of the last seconds, drawn at the screen's rate, and the spectrum.

import { prepared } from "./canvas.js";
import { text } from "./strings.js";

const SECONDS = 10;
/** How far the pulse is drawn behind the newest sample, s: longer than samples come unevenly. */
const DELAY = 0.16;
const KEPT = 400;

/** Samples of one face's pulse. */
class Samples {
  constructor() {
    this.times = [];
    this.values = [];
    this.next = 0;
  }

  add(first, times, values) {
    const skip = Math.max(0, this.next - first);
    if (first > this.next) this.times.length = this.values.length = 0;
    this.times.push(...times.slice(skip));
    this.values.push(...values.slice(skip));
    this.next = Math.max(this.next, first + times.length);
    const over = this.times.length - KEPT;
    if (over > 0) {
      this.times.splice(0, over);
      this.values.splice(0, over);
    }
  }
}

export class PulsePlot {
  constructor(canvas) {
    this.canvas = canvas;
    this.faces = new Map();
    this.selected = null;
    this.offset = null;
    this.running = false;
    this.low = this.high = 0;
    this.slow = matchMedia("(prefers-reduced-motion: reduce)");
    this.last = 0;
    requestAnimationFrame((now) => this.#frame(now));
  }

  clear() {
    this.faces.clear();
    this.offset = null;
  }

  /** Takes a state of the program. */
  update(state, selected) {
    const now = performance.now() / 1000 - state.time;
    // The least difference of the clocks is that of the message that came fastest.
    this.offset = this.offset === null || Math.abs(now - this.offset) > 1 ? now : Math.min(now, this.offset + 0.0005);
    this.running = state.state === "running";
    this.selected = selected;
    for (const number of this.faces.keys()) {
      if (!state.faces.some((face) => face.number === number)) this.faces.delete(number);
    }
    for (const face of state.faces) {
      if (!this.faces.has(face.number)) this.faces.set(face.number, new Samples());
      this.faces.get(face.number).add(face.first, face.times, face.values);
    }
    this.newest = state.time;
  }

  #frame(now) {
    requestAnimationFrame((next) => this.#frame(next));
    if (this.slow.matches && now - this.last < 500) return;
    this.last = now;
    this.draw(now / 1000);
  }

  draw(now) {
    const { context, width, height } = prepared(this.canvas);
    const style = colors();
    context.strokeStyle = style.line;
    context.fillStyle = style.quiet;
    context.font = "12px system-ui, sans-serif";
    context.lineWidth = 1;
    for (let second = 0; second <= SECONDS; second += 2) {
      const x = width * (1 - second / SECONDS);
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, height - 16);
      context.stroke();
      context.textAlign = second === 0 ? "right" : second === SECONDS ? "left" : "center";
      context.fillText(second === 0 ? "0" : text("seconds_ago", { seconds: `−${second}` }), x, height - 3);
    }
    const samples = this.faces.get(this.selected);
    if (!samples || this.offset === null) return;
    const end = this.running ? Math.min(now - this.offset - DELAY, this.newest) : this.newest;
    const begin = end - SECONDS;
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < samples.times.length; i++) {
      if (samples.times[i] < begin) continue;
      low = Math.min(low, samples.values[i]);
      high = Math.max(high, samples.values[i]);
    }
    if (!(high > low)) return;
    const jumped = this.high - this.low > 3 * (high - low) || this.high - this.low < (high - low) / 3;
    const share = jumped ? 1 : 0.08;
    this.low += share * (low - this.low);
    this.high += share * (high - this.high);
    const scale = (0.92 * (height - 16)) / (this.high - this.low);
    const zero = 0.04 * (height - 16) + scale * this.high;
    context.strokeStyle = style.accent;
    context.lineWidth = 2;
    context.lineJoin = "round";
    context.beginPath();
    let before = null;
    for (let i = 0; i < samples.times.length; i++) {
      let time = samples.times[i];
      let value = samples.values[i];
      if (time < begin) continue;
      let last = false;
      if (time > end) {
        if (before === null || time - before.time > 0.25) break;
        value = before.value + ((value - before.value) * (end - before.time)) / (time - before.time);
        time = end;
        last = true;
      }
      const x = (width * (time - begin)) / SECONDS;
      const y = zero - scale * value;
      if (before === null || time - before.time > 0.25) context.moveTo(x, y);
      else context.lineTo(x, y);
      if (last) break;
      before = { time, value };
    }
    context.stroke();
  }
}

export class SpectrumPlot {
  constructor(canvas) {
    this.canvas = canvas;
    this.spectra = [];
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  update(message) {
    this.spectra = message.faces;
    this.draw();
  }

  /** @param {number | null} peak rate of the peak, bpm; @param {boolean} trusted whether it is a heart rate */
  select(number, peak, trusted) {
    this.selected = number;
    this.peak = peak;
    this.trusted = trusted;
  }

  draw() {
    const { context, width, height } = prepared(this.canvas);
    const style = colors();
    const [low, high] = [40, 240];
    const bottom = height - 16;
    const place = (bpm) => (width * (bpm - low)) / (high - low);
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    for (let bpm = 60; bpm < high; bpm += 40) {
      context.fillStyle = style.line;
      context.fillRect(place(bpm), 0, 1, bottom);
      context.fillStyle = style.quiet;
      context.fillText(String(bpm), place(bpm), height - 3);
    }
    const found = this.spectra.find((one) => one.number === this.selected);
    if (!found) return;
    context.beginPath();
    context.moveTo(place(60 * found.firstHz), bottom);
    found.power.forEach((power, i) => {
      context.lineTo(place(60 * (found.firstHz + i * found.stepHz)), bottom - 0.88 * bottom * power);
    });
    context.lineTo(width, bottom);
    context.closePath();
    context.fillStyle = style.accent;
    context.globalAlpha = 0.2;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = style.accent;
    context.lineWidth = 1.5;
    context.stroke();
    if (this.peak === null) return;
    const x = place(this.peak);
    context.strokeStyle = style.ink;
    context.setLineDash(this.trusted ? [] : [4, 4]);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, bottom);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = style.ink;
    context.font = "600 13px system-ui, sans-serif";
    context.textAlign = x > width / 2 ? "right" : "left";
    context.fillText(String(Math.round(this.peak)), x + (x > width / 2 ? -5 : 5), 13);
  }
}

let cached = null;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (cached = null));

function colors() {
  if (cached === null) {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--${name}`);
    cached = { ink: of("ink"), quiet: of("quiet"), line: of("line"), accent: of("accent") };
  }
  return cached;
}
