// This browser's camera as the source: frames go to the program by a WebSocket.

const HEADER = 16;
const [JPEG, I420, NV12] = [1, 2, 3];
const [FULL_RANGE, BT709] = [1, 2];
/** Frames that may wait to be sent; further ones are left out. */
const WAITING = 2;
const QUALITY = 0.95;

export class CameraError extends Error {}

/** Sends a camera's frames until the connection or the camera ends. */
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
    this.socket = await this.#connect();
    const [track] = this.stream.getVideoTracks();
    track.addEventListener("ended", () => this.stop());
    if ("MediaStreamTrackProcessor" in window) this.#sendPlanes(track);
    else this.#sendPictures();
  }

  stop() {
    if (!this.stream) return;
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = null;
    this.socket.close();
    this.ended();
  }

  #connect() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/camera`);
      socket.onopen = () => {
        socket.onclose = () => this.stop();
        resolve(socket);
      };
      socket.onclose = () => {
        for (const track of this.stream.getTracks()) track.stop();
        this.stream = null;
        reject(new CameraError("camera_busy"));
      };
    });
  }

  /** Sends the camera's own planes, without loss. */
  async #sendPlanes(track) {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    while (this.stream) {
      const { done, value: frame } = await reader.read();
      if (done) break;
      const kind = { I420, NV12 }[frame.format];
      if (kind === undefined) {
        frame.close();
        reader.cancel();
        this.#sendPictures();
        return;
      }
      try {
        const { width, height } = frame.visibleRect;
        const message = new Uint8Array(HEADER + frame.allocationSize());
        const { fullRange, matrix } = frame.colorSpace;
        const flags = (fullRange ? FULL_RANGE : 0) | (matrix === "bt709" ? BT709 : 0);
        const time = frame.timestamp / 1e6;
        await frame.copyTo(message.subarray(HEADER));
        this.#send(message, kind, flags, width, height, time);
      } finally {
        frame.close();
      }
    }
  }

  /** Sends JPEG pictures, where the browser does not give planes. */
  #sendPictures() {
    const canvas = document.createElement("canvas");
    const next = async (now, { captureTime, presentationTime }) => {
      if (!this.stream) return;
      const { videoWidth: width, videoHeight: height } = this.video;
      canvas.width = width;
      canvas.height = height;
      canvas.getContext("2d").drawImage(this.video, 0, 0);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
      const message = new Uint8Array(HEADER + blob.size);
      message.set(new Uint8Array(await blob.arrayBuffer()), HEADER);
      this.#send(message, JPEG, 0, width, height, (captureTime ?? presentationTime) / 1000);
      this.video.requestVideoFrameCallback(next);
    };
    this.video.requestVideoFrameCallback(next);
  }

  #send(message, kind, flags, width, height, time) {
    if (this.socket.bufferedAmount > WAITING * message.length) return;
    const header = new DataView(message.buffer);
    header.setUint8(0, kind);
    header.setUint8(1, flags);
    header.setUint16(2, width, true);
    header.setUint16(4, height, true);
    header.setFloat64(8, time, true);
    this.socket.send(message);
  }
}
