// Heart rate from frames of a face, in a browser or in Node. Not a medical device.

import { Engine, RppgError } from "./engine.js";

export { RppgError };

/** The most faces that are measured at once by default. */
const MOST_FACES = 8;

/** Measures the heart rate of one person, frame by frame; see rppg_fast.d.ts. */
export class HeartRateMonitor {
  #engine;
  #face = { number: 0, box: null, turned: 0 };

  constructor(engine) {
    if (!(engine instanceof Engine)) throw new TypeError("use await HeartRateMonitor.create()");
    this.#engine = engine;
  }

  static async create(options = {}) {
    if ("most" in options) throw new TypeError("most is for a FacesMonitor");
    return new HeartRateMonitor(await Engine.open(options));
  }

  get box() {
    return this.#face.box;
  }

  get turned() {
    return this.#face.turned;
  }

  get settings() {
    return this.#engine.settings;
  }

  get version() {
    return this.#engine.version;
  }

  get bytes() {
    return this.#engine.bytes;
  }

  push(image, time) {
    const [face] = this.#engine.push(image, time);
    this.#face = face;
    return face.reading;
  }

  pulse() {
    return this.#engine.pulse(this.#face.number);
  }

  spectrum() {
    return this.#engine.spectrum(this.#face.number);
  }

  reset() {
    this.#engine.reset();
    this.#face = { number: 0, box: null, turned: 0 };
  }

  close() {
    this.#engine.close();
  }
}

/** Measures the heart rates of several people, frame by frame; see rppg_fast.d.ts. */
export class FacesMonitor {
  #engine;

  constructor(engine) {
    if (!(engine instanceof Engine)) throw new TypeError("use await FacesMonitor.create()");
    this.#engine = engine;
  }

  static async create(options = {}) {
    if (options.box != null) throw new TypeError("box is for one face, not for all of them");
    const { most = MOST_FACES } = options;
    if (!(most >= 1)) throw new RangeError(`most must be at least 1, is ${most}`);
    return new FacesMonitor(await Engine.open({ ...options, most }));
  }

  get settings() {
    return this.#engine.settings;
  }

  get version() {
    return this.#engine.version;
  }

  get bytes() {
    return this.#engine.bytes;
  }

  push(image, time) {
    return this.#engine.push(image, time);
  }

  pulse(number) {
    return this.#engine.pulse(number);
  }

  spectrum(number) {
    return this.#engine.spectrum(number);
  }

  reset() {
    this.#engine.reset();
  }

  close() {
    this.#engine.close();
  }
}
