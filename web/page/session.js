// A measurement for the page: frames in, the messages of rppg_fast/live/messages.py out. It keeps
// nothing but the newest state.

import { AppearanceMeter, SteadyAdvice, advise, adviseWithoutFace } from "./advice.js";
import { FacesMonitor, RppgError } from "./engine/rppg_fast.js";

const METHODS = ["fusion", "student", "pos", "chrom", "green", "ica"];
const MOST_FACES = 4;
/** Times as in rppg_fast/live, s. */
const STATES_EVERY = 0.045;
const SPECTRA_EVERY = 0.5;
const SILENCE = 2;
const RATE_OVER = 2;
const NEWCOMER = 3;
/** Share of the newest frame in the mean time of a measurement. */
const NEWEST = 0.05;

const ADVICE = { starting: "starting", paused: "paused", waiting: "no_camera", failed: "failed" };

/** One face: what of its pulse the page has, and what it is told. */
class Face {
  constructor(number, since) {
    this.number = number;
    this.since = since;
    this.meter = new AppearanceMeter();
    this.steady = new SteadyAdvice();
    this.samples = 0;
    this.newest = -Infinity;
  }

  update(image, { box, reading }, time) {
    Object.assign(this, { box, reading });
    if (box !== null) this.meter.update(image, box, time);
    const advice = advise(reading, box, this.meter.appearance, time - this.since < NEWCOMER);
    this.advice = this.steady.update(advice, reading.status, time);
  }

  /** The samples of the pulse that are new since the last call. */
  takeNew(monitor) {
    const { times, values } = monitor.pulse(this.number);
    const from = times.findIndex((time) => time > this.newest);
    const begin = from < 0 ? times.length : from;
    const first = this.samples;
    this.samples += times.length - begin;
    if (begin < times.length) this.newest = times[times.length - 1];
    return { first, times: Array.from(times.subarray(begin)), values: Array.from(values.subarray(begin)) };
  }

  message(monitor) {
    const { reading, box } = this;
    const { window, min_window: least } = monitor.settings;
    return {
      number: this.number,
      box: box === null ? null : [box.x0, box.y0, box.x1, box.y1],
      status: reading.status,
      heartRate: reading.heart_rate_bpm,
      candidate: reading.candidate_bpm,
      confidence: reading.confidence,
      snr: reading.snr_db,
      coverage: reading.coverage,
      progress: Math.min(1, (reading.coverage * window) / least),
      advice: this.advice,
      ...this.takeNew(monitor),
    };
  }
}

export class Session {
  /** @param {(message: object) => void} tell takes the messages */
  static async open(tell, options = {}) {
    const session = new Session(tell, options);
    await session.#use(METHODS[0]);
    tell({ type: "hello", version: session.#monitor.version, methods: METHODS, mirror: true, browserCamera: true, downloads: false });
    session.publish();
    return session;
  }

  #tell;
  #options;
  #monitor = null;
  #method = "";
  #faces = new Map();
  #whole = new AppearanceMeter();
  #hadFaces = false;
  #without = "no_face";
  #state = "starting";
  #reason = null;
  #source = "";
  #size = [0, 0];
  #time = 0;
  #times = [];
  #run = 0;
  #frames = 0;
  #dropped = 0;
  #frameMs = 0;
  #arrived = 0;
  #stateDue = 0;
  #spectraDue = 0;

  constructor(tell, options) {
    this.#tell = tell;
    this.#options = options;
  }

  async #use(method) {
    const next = await FacesMonitor.create({ ...this.#options, most: MOST_FACES, method });
    this.#monitor?.close();
    this.#monitor = next;
    this.#method = method;
    this.#begin();
  }

  #begin() {
    this.#faces.clear();
    this.#whole = new AppearanceMeter();
    this.#hadFaces = false;
    this.#times.length = 0;
    this.#run++;
  }

  /** Takes the name of the camera. */
  begin(source) {
    this.#source = source;
    if (this.#state === "waiting") this.#state = "starting";
    this.publish();
  }

  /** The camera has gone. */
  end() {
    if (this.#state !== "failed") this.#state = "starting";
    this.#faces.clear();
    this.publish();
  }

  /** Takes a frame; `dropped` were left out before it. */
  push(image, time, dropped) {
    this.#dropped += dropped;
    if (this.#state === "paused" || this.#state === "failed") return;
    const began = performance.now();
    let measured;
    try {
      measured = this.#monitor.push(image, time);
    } catch (error) {
      if (error instanceof RppgError && error.code === "time") {
        this.#dropped++;
        return;
      }
      return this.fail(error);
    }
    this.#arrived = performance.now();
    this.#state = "running";
    this.#reason = null;
    this.#time = time;
    this.#size = [image.width, image.height];
    this.#follow(image, measured, time);
    const taken = performance.now() - began;
    this.#frameMs += (this.#frames ? NEWEST : 1) * (taken - this.#frameMs);
    this.#frames++;
    this.#times.push(time);
    while (this.#times.at(-1) - this.#times[0] > RATE_OVER) this.#times.shift();
    if (this.#arrived < this.#stateDue) return;
    this.#stateDue = this.#arrived + 1000 * STATES_EVERY;
    this.publish();
    if (this.#arrived < this.#spectraDue) return;
    this.#spectraDue = this.#arrived + 1000 * SPECTRA_EVERY;
    this.#publishSpectra();
  }

  #follow(image, measured, time) {
    const there = new Set(measured.map((face) => face.number));
    for (const number of this.#faces.keys()) if (!there.has(number)) this.#faces.delete(number);
    for (const face of measured) {
      if (!this.#faces.has(face.number)) {
        const newcomer = this.#hadFaces && measured.length === 1;
        this.#faces.set(face.number, new Face(face.number, newcomer ? time : -Infinity));
      }
      this.#faces.get(face.number).update(image, face, time);
    }
    this.#hadFaces ||= measured.length > 0;
    if (measured.length === 0) {
      const whole = { x0: 0, y0: 0, x1: image.width, y1: image.height };
      this.#without = adviseWithoutFace(this.#whole.update(image, whole, time));
    }
  }

  /** Looks whether the camera still gives frames. */
  watch() {
    if (this.#state !== "running" || performance.now() - this.#arrived < 1000 * SILENCE) return;
    this.#state = "waiting";
    this.#reason = `${this.#source}: no frame for ${SILENCE} s`;
    this.#faces.clear();
    this.publish();
  }

  /** Stops because of an error in the program. */
  fail(error) {
    this.#state = "failed";
    this.#reason = `${error.name}: ${error.message}`;
    this.publish();
  }

  /** Does what the page's buttons say. */
  async obey({ command, method }) {
    if (this.#state === "failed") return;
    if (command === "pause") this.#state = "paused";
    if (command === "resume") this.#state = "running";
    if (command === "restart") {
      this.#monitor.reset();
      this.#begin();
      this.#state = "running";
    }
    if (command === "method" && method !== this.#method) await this.#use(method);
    this.#arrived = performance.now();
    this.publish();
  }

  publish() {
    const faces = [...this.#faces.values()].sort((a, b) => a.number - b.number);
    const span = this.#times.length > 1 ? this.#times.at(-1) - this.#times[0] : 0;
    this.#tell({
      type: "state",
      state: this.#state,
      reason: this.#reason,
      note: "",
      advice: ADVICE[this.#state] ?? faces[0]?.advice ?? this.#without,
      time: this.#time,
      width: this.#size[0],
      height: this.#size[1],
      source: this.#source,
      method: this.#method,
      run: this.#run,
      fps: span > 0 && this.#state === "running" ? (this.#times.length - 1) / span : 0,
      frameMs: this.#frameMs,
      frames: this.#frames,
      dropped: this.#dropped,
      faces: faces.map((face) => face.message(this.#monitor)),
    });
  }

  #publishSpectra() {
    const faces = [];
    for (const { number, reading } of this.#faces.values()) {
      const spectrum = reading.candidate_bpm === null ? null : this.#monitor.spectrum(number);
      if (spectrum === null) continue;
      const most = Math.max(...spectrum.power, Number.MIN_VALUE);
      const power = Array.from(spectrum.power, (one) => one / most);
      faces.push({ number, firstHz: spectrum.first_hz, stepHz: spectrum.step_hz, power });
    }
    this.#tell({ type: "spectra", faces });
  }
}
