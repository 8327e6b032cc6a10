// The thread that measures, for the page's connection and its camera.

/** Frames that may wait to be measured; further ones are left out. */
const WAITING = 2;

class Measurement {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = 0;
  #dropped = 0;

  /** @param {{[type: string]: (message: object) => void}} on what is called with each message */
  listen(on) {
    this.#worker.onmessage = ({ data }) => {
      if (data.type === "taken") this.#waiting--;
      else on[data.type](data);
    };
  }

  send(message) {
    this.#worker.postMessage(message);
  }

  /** Whether frames come faster than they are measured; then the next one is left out. */
  leavesOut() {
    if (this.#waiting < WAITING) return false;
    this.#dropped++;
    return true;
  }

  /** Gives a frame away: its memory belongs to the thread afterwards. */
  measure(image, time) {
    this.#waiting++;
    this.#worker.postMessage({ type: "frame", image, time, dropped: this.#dropped }, [image.data.buffer]);
    this.#dropped = 0;
  }
}

export const measurement = new Measurement();
