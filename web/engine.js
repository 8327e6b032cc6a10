// The WebAssembly module: loads it, and passes numbers, texts and pixels to it and back.
// csrc/web/web.cpp is the other side.

/** What a call can fail with, in the order of rppg_code in csrc/include/rppg_fast.h. */
const CODES = ["ok", "argument", "time", "file", "weights", "memory", "internal"];
const STATUSES = ["warming_up", "ok", "no_face", "low_signal", "gap"];
const MATRICES = ["bt601", "bt709", "bt2020"];
const [DEFAULT_RANGE, LIMITED_RANGE, FULL_RANGE] = [0, 1, 2];

/** Options that are numbers, in the order of Setting in csrc/web/web.cpp; then the sides of the box. */
const SETTINGS = [
  "rate",
  "low",
  "high",
  "window",
  "min_window",
  "min_confidence",
  "max_gap",
  "order",
  "peaks",
  "most",
  "box_scale",
  "min_face_size",
];
/** How many of them are settings of the pulse. */
const PULSE_SETTINGS = 9;
const WHOLE = new Set(["order", "peaks", "most"]);
const TEXTS = ["method", "backend"];
const LARGEST_WHOLE = 2 ** 31 - 1;
/** Numbers of a face, as in Value in csrc/web/web.cpp. */
const VALUES = 15;

/** WASI's numbers for success and for what this shim does not have. */
const [SUCCESS, NO_SUCH_FILE, NOT_SUPPORTED] = [0, 8, 52];

/** An error of the engine. */
export class RppgError extends Error {
  /**
   * @param {string} code "argument", "time", "weights", "memory" or "internal"
   * @param {string} message what is wrong
   */
  constructor(code, message) {
    super(message);
    this.name = "RppgError";
    this.code = code;
  }
}

/** Compiled modules and weights, by address: several monitors share them. */
const loaded = new Map();

/**
 * Returns what `source` means: bytes or a module as they are, or the file at an address, once.
 * @param {URL | string | ArrayBuffer | Uint8Array | WebAssembly.Module} source
 * @param {(bytes: Uint8Array) => any} convert
 */
async function load(source, convert) {
  if (source instanceof ArrayBuffer) return convert(new Uint8Array(source));
  if (ArrayBuffer.isView(source)) {
    return convert(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  if (!(source instanceof URL) && typeof source !== "string") return source;
  const address = String(source);
  if (!loaded.has(address)) {
    const pending = read(address).then(convert);
    loaded.set(address, pending);
    pending.catch(() => loaded.delete(address));
  }
  return loaded.get(address);
}

async function read(address) {
  if (address.startsWith("file:")) {
    const { readFile } = await import("node:fs/promises");
    return new Uint8Array(await readFile(new URL(address)));
  }
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: the server answers ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/**
 * The module's system calls. The engine reads no file and no environment; what the C++ library says
 * before it gives up goes to the console.
 * @param {() => DataView} view of the module's memory
 */
function wasi(view) {
  const functions = {
    environ_sizes_get(count, bytes) {
      view().setUint32(count, 0, true);
      view().setUint32(bytes, 0, true);
      return SUCCESS;
    },
    environ_get: () => SUCCESS,
    fd_write(file, pieces, count, written) {
      let [text, length] = ["", 0];
      for (let at = pieces; at < pieces + 8 * count; at += 8) {
        const size = view().getUint32(at + 4, true);
        text += new TextDecoder().decode(new Uint8Array(view().buffer, view().getUint32(at, true), size));
        length += size;
      }
      view().setUint32(written, length, true);
      console.error(text);
      return SUCCESS;
    },
    fd_prestat_get: () => NO_SUCH_FILE, // there are no folders
    proc_exit(code) {
      throw new RppgError("internal", `the engine has ended with code ${code}`);
    },
  };
  for (const name of ["fd_close", "fd_prestat_dir_name", "fd_seek"]) functions[name] = () => NOT_SUPPORTED;
  return { wasi_snapshot_preview1: functions };
}

/** One measurement in an instance of the module of its own. */
export class Engine {
  #calls;
  #formats = new Map();
  #frame = { at: 0, bytes: 0 };
  #ended = "";

  /** The settings of the pulse, by name. */
  settings;

  /**
   * @param {Record<string, any>} options of a monitor, with `wasm` and `face_weights`
   * @returns {Promise<Engine>}
   */
  static async open(options) {
    const settings = checked(options);
    const module = await load(options.wasm ?? new URL("rppg_fast.wasm", import.meta.url), (bytes) =>
      WebAssembly.compile(bytes),
    );
    if (!(module instanceof WebAssembly.Module)) {
      throw new TypeError("wasm must be an address, bytes or a WebAssembly.Module");
    }
    let weights = null;
    if (options.box == null) {
      weights = await load(options.face_weights ?? new URL("mtcnn.safetensors", import.meta.url), (bytes) => bytes);
      if (!(weights instanceof Uint8Array)) throw new TypeError("face_weights must be an address or bytes");
    }
    const engine = new Engine();
    const instance = await WebAssembly.instantiate(
      module,
      wasi(() => engine.#view),
    );
    engine.#calls = instance.exports;
    engine.#call("_initialize");
    engine.#begin(settings, weights);
    return engine;
  }

  #begin(settings, weights) {
    for (let number = 0; ; number++) {
      const name = this.#text(this.#call("rppg_web_format_name", number));
      if (name === null) break;
      this.#formats.set(name, number);
    }
    const at = this.#call("rppg_web_settings");
    settings.numbers.forEach((value, index) => {
      if (value !== null) this.#view.setFloat64(at + 8 * index, value, true);
    });
    const texts = settings.texts.map((text) => (text === null ? 0 : this.#put(new TextEncoder().encode(`${text}\0`))));
    const place = weights === null ? 0 : this.#put(weights);
    try {
      this.#try("rppg_web_open", ...texts, place, weights?.length ?? 0);
    } finally {
      if (!this.#ended) for (const one of [...texts, place]) this.#call("rppg_web_release", one);
    }
    const used = SETTINGS.slice(0, PULSE_SETTINGS).map((name, index) => [name, this.#view.getFloat64(at + 8 * index, true)]);
    this.settings = Object.freeze(Object.fromEntries(used));
  }

  /**
   * Takes a frame, and returns the faces after it.
   * @param {import("./rppg_fast.js").Image} image
   * @param {number} time
   */
  push(image, time) {
    if (typeof time !== "number") throw new TypeError(`time must be a number of seconds, is ${time}`);
    const { data, width, height, format = "rgba", full_range: full, matrix = "bt601" } = image ?? {};
    if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
      throw new TypeError("image must have data, a Uint8Array or Uint8ClampedArray");
    }
    const kind = this.#formats.get(format);
    if (kind === undefined) {
      throw new RangeError(`image: format must be one of ${[...this.#formats.keys()].join(", ")}, is ${format}`);
    }
    const coefficients = MATRICES.indexOf(matrix);
    if (coefficients < 0) throw new RangeError(`image: matrix must be one of ${MATRICES.join(", ")}, is ${matrix}`);
    const whole = Number.isInteger(width) && Number.isInteger(height);
    const bytes = whole ? this.#call("rppg_web_format_bytes", kind, width, height) : 0;
    if (bytes === 0) throw new RangeError(`image: there is no ${format} of ${width}x${height} pixels`);
    if (data.length !== bytes) {
      throw new RangeError(`image: ${width}x${height} pixels of ${format} are ${bytes} bytes, data has ${data.length}`);
    }
    if (bytes > this.#frame.bytes) {
      this.#call("rppg_web_release", this.#frame.at);
      this.#frame = { at: 0, bytes: 0 };
      this.#frame = { at: this.#put(data), bytes };
    } else {
      this.#memory.set(data, this.#frame.at);
    }
    const range = full === undefined ? DEFAULT_RANGE : full ? FULL_RANGE : LIMITED_RANGE;
    this.#try("rppg_web_push", kind, range, coefficients, width, height, this.#frame.at, time);
    return this.#faces(time);
  }

  #faces(time) {
    const count = this.#call("rppg_web_faces");
    const at = this.#call("rppg_web_values");
    const numbers = new Float64Array(this.#calls.memory.buffer, at, VALUES * count);
    return Array.from({ length: count }, (_, face) => {
      const [number, status, rate, snr, confidence, start, end, coverage, candidate, source, x0, y0, x1, y1, turned] =
        numbers.subarray(VALUES * face, VALUES * (face + 1));
      return {
        number,
        box: x1 > x0 ? { x0, y0, x1, y1 } : null,
        turned,
        reading: {
          start_s: start,
          end_s: end,
          heart_rate_bpm: orNull(rate),
          snr_db: orNull(snr),
          confidence: orNull(confidence),
          coverage,
          candidate_bpm: orNull(candidate),
          source: this.#text(source),
          status: STATUSES[status],
          time_s: time,
        },
      };
    });
  }

  /**
   * The live waveform in the window of a face.
   * @param {number} number of the face
   */
  pulse(number) {
    this.#try("rppg_web_pulse", number);
    const count = this.#call("rppg_web_pulse_count");
    const values = new Float64Array(this.#calls.memory.buffer, this.#call("rppg_web_pulse_values"), count).slice();
    const first = this.#call("rppg_web_pulse_first_s");
    return { times: Float64Array.from(values, (_, index) => first + index / this.settings.rate), values };
  }

  /**
   * The power spectrum of that waveform in the band; null where there is less than a second of it.
   * @param {number} number of the face
   */
  spectrum(number) {
    this.#try("rppg_web_pulse", number);
    if (this.#call("rppg_web_pulse_count") < this.settings.rate) return null;
    const at = this.#call("rppg_web_spectrum");
    const [first, last] = [this.#call("rppg_web_first_bin"), this.#call("rppg_web_last_bin")];
    const step = this.#call("rppg_web_bin_hz");
    const power = new Float64Array(this.#calls.memory.buffer, at + 8 * first, last + 1 - first).slice();
    return { first_hz: first * step, step_hz: step, power };
  }

  reset() {
    this.#call("rppg_web_reset");
  }

  /** Gives the memory back. Afterwards every call fails. */
  close() {
    this.#ended = "the monitor is closed";
    this.#calls = null;
  }

  /** The release of the engine. */
  get version() {
    return this.#text(this.#call("rppg_web_version"));
  }

  /** Bytes that the instance holds. */
  get bytes() {
    return this.#ended ? 0 : this.#memory.length;
  }

  get #memory() {
    return new Uint8Array(this.#calls.memory.buffer);
  }

  get #view() {
    return new DataView(this.#calls.memory.buffer);
  }

  #text(at) {
    if (at === 0) return null;
    const memory = this.#memory;
    return new TextDecoder().decode(memory.subarray(at, memory.indexOf(0, at)));
  }

  /** Copies bytes into the module's memory, and returns where they are. */
  #put(bytes) {
    const at = this.#call("rppg_web_allocate", bytes.length);
    if (at === 0) throw new RppgError("memory", "out of memory");
    this.#memory.set(bytes, at);
    return at;
  }

  /** Calls a function that returns a code. */
  #try(name, ...values) {
    const code = this.#call(name, ...values);
    if (code !== 0) throw new RppgError(CODES[code] ?? "internal", this.#text(this.#call("rppg_web_message")) ?? "");
  }

  #call(name, ...values) {
    if (this.#ended) throw new RppgError("argument", this.#ended);
    try {
      return this.#calls[name](...values);
    } catch (error) {
      // The module's memory may be left half changed.
      this.#ended = `the monitor has failed: ${error.message}`;
      throw error;
    }
  }
}

function orNull(value) {
  return Number.isNaN(value) ? null : value;
}

/** Checks the types of options, and puts them into the engine's order. */
function checked(options) {
  const known = [...SETTINGS, ...TEXTS, "box", "wasm", "face_weights"];
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new TypeError(`there is no option ${name}; there are ${known.join(", ")}`);
  }
  const numbers = SETTINGS.map((name) => {
    const value = options[name] ?? null;
    if (value === null) return null;
    if (typeof value !== "number" || Number.isNaN(value)) throw new TypeError(`${name} must be a number, is ${value}`);
    return WHOLE.has(name) ? whole(value, name) : value;
  });
  const texts = TEXTS.map((name) => {
    const value = options[name] ?? null;
    if (value !== null && typeof value !== "string") throw new TypeError(`${name} must be a text, is ${value}`);
    return value;
  });
  if (options.box == null) return { numbers, texts };
  const { x0, y0, x1, y1 } = options.box;
  return { numbers: [...numbers, ...[x0, y0, x1, y1].map((side) => whole(side, "each side of box"))], texts };
}

function whole(value, name) {
  if (!Number.isInteger(value) || Math.abs(value) > LARGEST_WHOLE) {
    throw new TypeError(`${name} must be a whole number, is ${value}`);
  }
  return value;
}
