// Heart rate from frames of a face, in a browser or in Node. Not a medical device.

import { Engine, RppgError } from "./engine.js";

export { RppgError };

/** The most faces that are measured at once by default. */
const MOST_FACES = 8;
/** Before the first frame. */
const NO_FACE = Object.freeze({ number: 0, box: null, turned: 0 });

/** What both monitors have; it is not exported. */
class Monitor {
  _engine;

  constructor(engine) {
    if (!(engine instanceof Engine)) {
      throw new TypeError(`use await ${new.target.name}.create()`);
    }
    this._engine = engine;
  }

  get settings() {
    return this._engine.settings;
  }

  get version() {
    return this._engine.version;
  }

  get bytes() {
    return this._engine.bytes;
  }

  reset() {
    this._engine.reset();
  }

  close() {
    this._engine.close();
  }
}

/** Measures the heart rate of one person, frame by frame; see rppg_fast.d.ts. */
export class HeartRateMonitor extends Monitor {
  #face = NO_FACE;

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

  push(image, time) {
    const [face] = this._engine.push(image, time);
    this.#face = face;
    return face.reading;
  }

  pulse() {
    return this._engine.pulse(this.#face.number);
  }

  spectrum() {
    return this._engine.spectrum(this.#face.number);
  }

  reset() {
    super.reset();
    this.#face = NO_FACE;
  }
}

/** Measures the heart rates of several people, frame by frame; see rppg_fast.d.ts. */
export class FacesMonitor extends Monitor {
  static async create(options = {}) {
    if (options.box != null) throw new TypeError("box is for one face, not for all of them");
    const { most = MOST_FACES } = options;
    if (!(most >= 1)) throw new RangeError(`most must be at least 1, is ${most}`);
    return new FacesMonitor(await Engine.open({ ...options, most }));
  }

  push(image, time) {
    return this._engine.push(image, time);
  }

  pulse(number) {
    return this._engine.pulse(number);
  }

  spectrum(number) {
    return this._engine.spectrum(number);
  }
}
