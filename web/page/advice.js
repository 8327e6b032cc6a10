// What a measured face looks like, and what the person can do for a better reading: the rules of
// rppg_fast/live/appearance.py and advice.py, where the numbers are explained. A test compares them.

const [POINTS, MEAN_OF] = [32, 2];
const [BLACK, WHITE] = [16, 235];
const CLIPPED = 0.98;
const NEWEST = 0.2;
const EVERY = 0.1;

const SMALL_BOX = 72;
const [DARK, BRIGHT, NIGHT] = [0.2, 0.9, 0.08];
const MUCH_CLIPPED = 0.15;
const MUCH_MOVEMENT = 0.06;
const STEADY = 0.7;

/** Follows the appearance of one face. */
export class AppearanceMeter {
  #due = -Infinity;
  #before = null;
  appearance = { brightness: 0.5, clipped: 0, movement: 0 };

  /** Looks at a frame if it is time to, and returns the newest values. */
  update(image, box, time) {
    if (time < this.#due) return this.appearance;
    const points = pointsOf(image, box);
    if (points === null) return this.appearance;
    this.#due = time + EVERY;
    const means = meansOf(points);
    const brightness = mean(points);
    const clipped = points.filter((point) => point >= CLIPPED).length / points.length;
    if (this.#before === null) {
      this.appearance = { brightness, clipped, movement: 0 };
    } else {
      const before = this.#before;
      const change = mean(means.map((value, i) => Math.abs(value - before[i]))) / Math.max(brightness, 1 / 255);
      const last = this.appearance;
      this.appearance = {
        brightness: last.brightness + NEWEST * (brightness - last.brightness),
        clipped: last.clipped + NEWEST * (clipped - last.clipped),
        movement: last.movement + NEWEST * (change - last.movement),
      };
    }
    this.#before = means;
    return this.appearance;
  }
}

/** Luma, or green, 0 to 1, at a grid of points of a box; null if the box has too few pixels. */
function pointsOf({ data, width, height, format = "rgba", full_range: full }, box) {
  const [x1, y1] = [Math.min(box.x1, width), Math.min(box.y1, height)];
  if (x1 - box.x0 < POINTS || y1 - box.y0 < POINTS) return null;
  const rgba = format === "rgba";
  const [step, offset] = rgba ? [4, 1] : [1, 0];
  const [black, white] = rgba || full ? [0, 255] : [BLACK, WHITE];
  const place = (from, last, k) => Math.trunc(from + ((last - from) * k) / (POINTS - 1));
  const points = new Float64Array(POINTS * POINTS);
  for (let row = 0; row < POINTS; row++) {
    const line = place(box.y0, y1 - 1, row) * width;
    for (let column = 0; column < POINTS; column++) {
      const level = data[step * (line + place(box.x0, x1 - 1, column)) + offset];
      points[row * POINTS + column] = Math.min(1, Math.max(0, (level - black) / (white - black)));
    }
  }
  return points;
}

function meansOf(points) {
  const side = POINTS / MEAN_OF;
  const means = new Float64Array(side * side);
  points.forEach((point, i) => {
    const [row, column] = [Math.trunc(i / POINTS / MEAN_OF), Math.trunc((i % POINTS) / MEAN_OF)];
    means[row * side + column] += point / MEAN_OF ** 2;
  });
  return means;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** What to do where there is no face in a picture that looks like this. */
export function adviseWithoutFace(appearance) {
  return appearance.brightness < NIGHT ? "more_light" : "no_face";
}

/** What the person with a reading can do. */
export function advise(reading, box, appearance, newcomer) {
  if (reading.status === "ok") return "good";
  if (reading.status === "no_face" || box === null) return "no_face";
  if (newcomer && reading.status === "warming_up") return "someone_else";
  if (appearance.brightness < DARK) return "more_light";
  if (appearance.brightness > BRIGHT || appearance.clipped > MUCH_CLIPPED) return "less_light";
  if (Math.min(box.x1 - box.x0, box.y1 - box.y0) < SMALL_BOX) return "come_closer";
  if (appearance.movement > MUCH_MOVEMENT) return "hold_still";
  if (reading.status === "gap") return "frames_missing";
  return reading.status === "warming_up" ? "measuring" : "no_pulse";
}

/** Keeps a piece of advice until another one has held for a moment, so that it can be read. */
export class SteadyAdvice {
  #status = null;
  #shown = "measuring";
  #next = "measuring";
  #since = -Infinity;

  /** Returns the advice to show; a new status brings its own at once. */
  update(advice, status, time) {
    if (advice !== this.#next) [this.#next, this.#since] = [advice, time];
    if (status !== this.#status || time - this.#since >= STEADY) [this.#status, this.#shown] = [status, advice];
    return this.#shown;
  }
}
