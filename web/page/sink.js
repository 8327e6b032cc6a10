// Gives frames to the measurement in this browser. Nothing is sent anywhere.

import { measurement } from "./measurement.js";

const MATRICES = { bt709: "bt709", "bt2020-ncl": "bt2020" };

export class Sink {
  /** @param {string} label name of the camera */
  static async open(label) {
    measurement.send({ type: "begin", source: label });
    return new Sink();
  }

  constructor() {
    this.canvas = document.createElement("canvas");
  }

  close() {
    measurement.send({ type: "end" });
  }

  /** @param {VideoFrame} frame */
  async takePlanes(frame, time) {
    if (measurement.leavesOut()) return;
    const { width, height } = frame.visibleRect;
    const data = new Uint8Array(frame.allocationSize());
    const { fullRange, matrix } = frame.colorSpace;
    await frame.copyTo(data);
    const format = frame.format.toLowerCase();
    const image = { data, width, height, format, full_range: fullRange === true, matrix: MATRICES[matrix] ?? "bt601" };
    measurement.measure(image, time);
  }

  /** @param {HTMLVideoElement} video */
  async takePicture(video, time) {
    if (measurement.leavesOut()) return;
    const { videoWidth: width, videoHeight: height } = video;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0);
    measurement.measure({ data: context.getImageData(0, 0, width, height).data, width, height }, time);
  }
}
