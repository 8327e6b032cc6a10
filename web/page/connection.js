// The page's connection to the measurement, which runs in this browser.

import { measurement } from "./measurement.js";

export class Connection {
  /** @param {{hello: Function, state: Function, spectra: Function}} on */
  constructor(on) {
    measurement.listen(on);
  }

  send(command, more = {}) {
    measurement.send({ type: "command", command, ...more });
  }

  /** The camera is shown directly: there are no pictures of a program. */
  wantPictures() {}
}
