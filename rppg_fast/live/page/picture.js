// The picture with the boxes of the faces.

import { prepared } from "./canvas.js";

export class Picture {
  constructor(stage) {
    this.stage = stage;
    this.canvas = stage.querySelector("#picture");
    this.boxes = stage.querySelector("#boxes");
    this.decoding = false;
    this.state = null;
    this.selected = null;
    this.shownTime = null;
    new ResizeObserver(() => this.drawBoxes()).observe(stage);
  }

  get mirrored() {
    return this.stage.classList.contains("mirrored");
  }

  set mirrored(mirrored) {
    this.stage.classList.toggle("mirrored", mirrored);
    this.drawBoxes();
  }

  /** Shows a JPEG; one that comes while another is decoded is left out. */
  async show(time, jpeg) {
    if (this.decoding) return;
    this.decoding = true;
    try {
      const image = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      if (this.canvas.width !== image.width || this.canvas.height !== image.height) {
        this.canvas.width = image.width;
        this.canvas.height = image.height;
      }
      this.canvas.getContext("2d").drawImage(image, 0, 0);
      image.close();
      this.shownTime = time;
    } finally {
      this.decoding = false;
    }
  }

  update(state, selected) {
    this.state = state;
    this.selected = selected;
    if (state.width) this.stage.style.setProperty("--ratio", `${state.width} / ${state.height}`);
    this.drawBoxes();
  }

  drawBoxes() {
    const { context, width, height } = prepared(this.boxes);
    if (!this.state?.width) return;
    const scale = Math.min(width / this.state.width, height / this.state.height);
    const left = (width - scale * this.state.width) / 2;
    const top = (height - scale * this.state.height) / 2;
    for (const face of this.state.faces) {
      if (!face.box) continue;
      let [x0, y0, x1, y1] = face.box;
      if (this.mirrored) [x0, x1] = [this.state.width - x1, this.state.width - x0];
      const x = left + scale * x0;
      const y = top + scale * y0;
      const chosen = face.number === this.selected;
      for (const [color, line] of [["#000", chosen ? 5 : 4], [chosen ? "#ffd34d" : "#fff", chosen ? 3 : 2]]) {
        context.strokeStyle = color;
        context.lineWidth = line;
        context.strokeRect(x, y, scale * (x1 - x0), scale * (y1 - y0));
      }
      if (this.state.faces.length > 1) label(context, String(face.number), x, y);
    }
  }
}

function label(context, words, x, y) {
  context.font = "600 16px system-ui, sans-serif";
  const width = context.measureText(words).width + 12;
  context.fillStyle = "#000c";
  context.fillRect(x, y, width, 24);
  context.fillStyle = "#fff";
  context.fillText(words, x + 6, y + 18);
}
