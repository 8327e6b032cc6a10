// The connection to the program. It is made again when it is lost.

const AGAIN_MS = 1000;

export class Connection {
  /** @param {{hello: Function, state: Function, spectra: Function, picture: Function, lost: Function}} on */
  constructor(on) {
    this.on = on;
    this.pictures = true;
    document.addEventListener("visibilitychange", () => this.#askForPictures());
    this.#open();
  }

  send(command, more = {}) {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ command, ...more }));
    }
  }

  /** Whether this page wants pictures; while it is not visible it gets none. */
  wantPictures(wanted) {
    this.pictures = wanted;
    this.#askForPictures();
  }

  #askForPictures() {
    this.send("pictures", { on: this.pictures && !document.hidden });
  }

  #open() {
    this.socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/live`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.#askForPictures();
    this.socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        this.on.picture(new DataView(data).getFloat64(0, true), new Uint8Array(data, 8));
      } else {
        const message = JSON.parse(data);
        this.on[message.type](message);
      }
    };
    this.socket.onclose = () => {
      this.on.lost();
      setTimeout(() => this.#open(), AGAIN_MS);
    };
  }
}
