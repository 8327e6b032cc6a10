// Sends frames to the program by a WebSocket.

const HEADER = 16;
const [JPEG, I420, NV12] = [1, 2, 3];
const [FULL_RANGE, BT709] = [1, 2];
/** Frames that may wait to be sent; further ones are left out. */
const WAITING = 2;
const QUALITY = 0.95;

export class Sink {
  /**
   * Connects to the program; it fails where another browser gives its camera already.
   * @param {string} label name of the camera, which the program does not need
   * @param {() => void} ended called when the connection ends
   */
  static open(label, ended) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/camera`);
      socket.onopen = () => {
        socket.onclose = ended;
        resolve(new Sink(socket));
      };
      socket.onclose = reject;
    });
  }

  constructor(socket) {
    this.socket = socket;
    this.canvas = document.createElement("canvas");
  }

  close() {
    this.socket.close();
  }

  /** @param {VideoFrame} frame */
  async takePlanes(frame, time) {
    const { width, height } = frame.visibleRect;
    const message = new Uint8Array(HEADER + frame.allocationSize());
    const { fullRange, matrix } = frame.colorSpace;
    const flags = (fullRange ? FULL_RANGE : 0) | (matrix === "bt709" ? BT709 : 0);
    const kind = frame.format === "I420" ? I420 : NV12;
    await frame.copyTo(message.subarray(HEADER));
    this.#send(message, kind, flags, width, height, time);
  }

  /** @param {HTMLVideoElement} video */
  async takePicture(video, time) {
    const { videoWidth: width, videoHeight: height } = video;
    this.canvas.width = width;
    this.canvas.height = height;
    this.canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((resolve) => this.canvas.toBlob(resolve, "image/jpeg", QUALITY));
    const message = new Uint8Array(HEADER + blob.size);
    message.set(new Uint8Array(await blob.arrayBuffer()), HEADER);
    this.#send(message, JPEG, 0, width, height, time);
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
