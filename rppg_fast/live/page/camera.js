// This browser's camera as the source of frames. sink.js takes them.

import { Sink } from "./sink.js";

/** The camera's own planes that a sink takes; other frames become pictures. */
const FORMATS = ["I420", "NV12"];

export class CameraError extends Error {}

/** Gives a camera's frames to a sink until the sink or the camera ends. */
export class BrowserCamera {
  /** @param {HTMLVideoElement} video where the camera is shown */
  constructor(video, ended) {
    this.video = video;
    this.ended = ended;
  }

  /** Asks for the camera, and begins. */
  async start() {
    if (!navigator.mediaDevices) throw new CameraError("camera_insecure");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
      });
    } catch {
      throw new CameraError("camera_refused");
    }
    this.video.srcObject = this.stream;
    await this.video.play();
    const [track] = this.stream.getVideoTracks();
    try {
      this.sink = await Sink.open(track.label, () => this.stop());
    } catch {
      this.#release();
      throw new CameraError("camera_busy");
    }
    track.addEventListener("ended", () => this.stop());
    if ("MediaStreamTrackProcessor" in window) this.#takePlanes(track);
    else this.#takePictures();
  }

  stop() {
    if (!this.stream) return;
    this.#release();
    this.sink.close();
    this.ended();
  }

  #release() {
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = null;
  }

  /** Takes the camera's own planes, without loss. */
  async #takePlanes(track) {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    while (this.stream) {
      const { done, value: frame } = await reader.read();
      if (done) break;
      if (!FORMATS.includes(frame.format)) {
        frame.close();
        reader.cancel();
        this.#takePictures();
        return;
      }
      try {
        await this.sink.takePlanes(frame, frame.timestamp / 1e6);
      } finally {
        frame.close();
      }
    }
  }

  /** Takes pictures, where the browser does not give planes. */
  #takePictures() {
    const next = async (now, { captureTime, presentationTime }) => {
      if (!this.stream) return;
      await this.sink.takePicture(this.video, (captureTime ?? presentationTime) / 1000);
      this.video.requestVideoFrameCallback(next);
    };
    this.video.requestVideoFrameCallback(next);
  }
}
