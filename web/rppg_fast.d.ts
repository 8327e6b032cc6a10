// Heart rate from frames of a face, in a browser or in Node. Not a medical device.
// docs/browser.md explains how to use it.

/** The file at an address, or its bytes. */
export type File = URL | string | ArrayBuffer | Uint8Array;

/** What measures; docs/confidence.md compares them. */
export type Method = "fusion" | "student" | "pos" | "chrom" | "green" | "ica";

/** Whether there is a heart rate, and if not, why. */
export type Status = "warming_up" | "ok" | "no_face" | "low_signal" | "gap";

/** A rectangle of pixels; x1 and y1 are one past the last. */
export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** Options that all monitors share. Their names and defaults are those of the Python package. */
export interface FaceOptions {
  method?: Method;
  /** Side of the measured box over the side of the face. */
  box_scale?: number;
  /** Side of the smallest face that is found, pixels. */
  min_face_size?: number;
  /** Length of a full window, s, and of the shortest one that is read. */
  window?: number;
  min_window?: number;
  /** Lowest and highest heart rate, Hz. */
  low?: number;
  high?: number;
  /** Confidence, 0 to 1, that a peak needs to be a heart rate. */
  min_confidence?: number;
  /** Number of peaks of the spectrum that are tried, 1 to 8. */
  peaks?: number;
  /** Longest pause between two frames that does not start a new window, s. */
  max_gap?: number;
  /** Sampling rate of the pulse, Hz, and order of its band-pass, 1 to 8. */
  rate?: number;
  order?: number;
  /** The kernels: "auto" or "wasm". */
  backend?: string;
  /** The engine; by default rppg_fast.wasm beside this file. */
  wasm?: File | WebAssembly.Module;
  /** The weights of the face detector; by default mtcnn.safetensors beside this file. */
  face_weights?: File;
}

export interface MonitorOptions extends FaceOptions {
  /** The pixels to measure. With a box no face is searched for, and no weights are loaded. */
  box?: Box;
}

export interface FacesOptions extends FaceOptions {
  /** The largest number of faces that are measured at once; 8 by default. */
  most?: number;
}

/** Pixels, such as an ImageData or the planes of a VideoFrame, in rows without gaps. */
export interface Image {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** "rgba" by default; the formats of csrc/include/rppg_fast.h, such as "i420" or "nv12". */
  format?: string;
  /** Whether luma uses all numbers from 0 to 255; by default that of the format. */
  full_range?: boolean;
  /** Coefficients of luma; "bt601" by default. */
  matrix?: "bt601" | "bt709" | "bt2020";
}

/** The result for one frame: the fields of the Python package's JSON. */
export interface Reading {
  /** The window that was read, s. */
  start_s: number;
  end_s: number;
  /** Heart rate; null unless the status is "ok". */
  heart_rate_bpm: number | null;
  /** Power of the peak over that of the rest of the band; null if there is no peak. */
  snr_db: number | null;
  /** Probability, 0 to 1, that the peak is the heart's; null if there is no peak. */
  confidence: number | null;
  /** Share of a full window that was seen, 0 to 1. */
  coverage: number;
  /** Rate of the peak, trusted or not; null if there is no peak. */
  candidate_bpm: number | null;
  /** The method that the peak comes from; null if there is no peak. */
  source: Method | null;
  status: Status;
  /** Time of the frame, s. */
  time_s: number;
}

/** One of several faces after the newest frame. */
export interface Face {
  /** 1 for the first face that was found; no other face ever gets it. */
  number: number;
  reading: Reading;
  /** The measured pixels; null if the face is not in the frame. */
  box: Box | null;
  /** How far it is turned clockwise from upright: 0, 90, 180 or 270 degrees. */
  turned: number;
}

/** The band-passed pulse in the window of a face, as it is live: times in s, and values. */
export interface Pulse {
  times: Float64Array;
  values: Float64Array;
}

/** Power at first_hz, first_hz + step_hz, ... in the band of heart rates. */
export interface Spectrum {
  first_hz: number;
  step_hz: number;
  power: Float64Array;
}

/** The settings of the pulse that are in use. */
export type Settings = Readonly<
  Record<
    "rate" | "low" | "high" | "window" | "min_window" | "min_confidence" | "max_gap" | "order" | "peaks",
    number
  >
>;

/** An error of the engine, with its message. */
export class RppgError extends Error {
  constructor(code: string, message: string);
  readonly code: "argument" | "time" | "weights" | "memory" | "internal";
}

interface Monitor {
  readonly settings: Settings;
  /** The release of the engine. */
  readonly version: string;
  /** Bytes of memory that the monitor holds; at most 512 MiB, and 0 once it is closed. */
  readonly bytes: number;
  /** Forgets all frames. */
  reset(): void;
  /** Gives the memory back. Every later call fails. */
  close(): void;
}

/** Measures the heart rate of one person, frame by frame. */
export class HeartRateMonitor implements Monitor {
  private constructor();
  /**
   * Loads the engine and begins. Rejects with a TypeError or RppgError that names a wrong option, or
   * with the error of a file that cannot be loaded.
   */
  static create(options?: MonitorOptions): Promise<HeartRateMonitor>;
  readonly settings: Settings;
  readonly version: string;
  readonly bytes: number;
  /** The measured pixels of the newest frame; null if there is no face. */
  readonly box: Box | null;
  readonly turned: number;
  /**
   * Takes the frame that was seen at `time`, in seconds on any clock that goes forward. Throws a
   * TypeError, a RangeError or an RppgError for a frame or a time that is refused; nothing has
   * changed then.
   */
  push(image: Image, time: number): Reading;
  pulse(): Pulse;
  /** Null where there is less than a second of pulse. */
  spectrum(): Spectrum | null;
  reset(): void;
  close(): void;
}

/** Measures the heart rates of several people, frame by frame. */
export class FacesMonitor implements Monitor {
  private constructor();
  /** As for HeartRateMonitor. */
  static create(options?: FacesOptions): Promise<FacesMonitor>;
  readonly settings: Settings;
  readonly version: string;
  readonly bytes: number;
  /** As for HeartRateMonitor; returns the faces that are there, by number. */
  push(image: Image, time: number): Face[];
  pulse(number: number): Pulse;
  spectrum(number: number): Spectrum | null;
  reset(): void;
  close(): void;
}
