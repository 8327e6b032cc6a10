// Puts the parts of the page together.

import { BrowserCamera } from "./camera.js";
import { Connection } from "./connection.js";
import { Picture } from "./picture.js";
import { PulsePlot, SpectrumPlot } from "./plots.js";
import { chosenLanguage, text, useLanguage } from "./strings.js";

/** A screen reader says the heart rate at most so often, ms. */
const SPEAK_MS = 10000;

const the = (id) => document.getElementById(id);
const picture = new Picture(the("stage"));
const pulse = new PulsePlot(the("pulse"));
const spectrum = new SpectrumPlot(the("spectrum"));
let state = null;
let chosen = null;
let run = null;
let spoken = 0;
let shownFaces = "";
let problem = null;
let browserCamera = false;

history.replaceState(null, "", location.pathname); // a token in the address is a cookie by now

const language = chosenLanguage();
the("language").value = language;
await useLanguage(language);
the("advice").textContent = text("connecting");

const connection = new Connection({
  hello(message) {
    browserCamera = message.browserCamera;
    fillMethods(message.methods);
    if (localStorage.getItem("mirror") === null) setMirror(message.mirror);
    the("offer").hidden = !message.browserCamera || camera.stream != null;
    the("downloads").hidden = !message.downloads;
    pulse.clear();
  },
  state(message) {
    if (message.run !== run) pulse.clear();
    run = message.run;
    state = message;
    show();
  },
  spectra: (message) => spectrum.update(message),
  picture: (time, jpeg) => picture.show(time, jpeg),
  lost() {
    state = null;
    setAdvice(text("disconnected"), false);
    setText("rate", "–");
  },
});

const camera = new BrowserCamera(the("camera"), () => useOwnCamera(false));

function show() {
  const faces = state.faces;
  const face = faces.find((one) => one.number === chosen) ?? faces[0] ?? null;
  const selected = face?.number ?? null;
  const running = state.state === "running";
  const measured = face !== null && (running || state.state === "paused" || state.state === "ended");
  const rate = measured ? face.heartRate : null;
  picture.update(state, selected);
  pulse.update(state, selected);
  spectrum.select(selected, face?.candidate ?? null, face?.status === "ok");
  setText("rate", rate === null ? "–" : String(Math.round(rate)));
  const advice = running && face !== null ? face.advice : state.advice;
  const wanted = browserCamera && ["starting", "waiting"].includes(state.state) && !camera.stream;
  setAdvice(text(problem ?? (wanted ? "offer_camera" : `advice.${advice}`)), advice === "good" && !problem);
  const reason = state.reason ?? state.note;
  the("reason").hidden = reason === "";
  setText("reason", reason);
  const progress = measured ? face.progress : 0;
  the("progress-row").hidden = progress >= 1;
  the("progress").value = progress;
  setText("progress-text", `${Math.round(100 * progress)} %`);
  const confidence = measured ? face.confidence : null;
  the("confidence-row").hidden = progress < 1;
  the("confidence").value = confidence ?? 0;
  setText("confidence-text", confidence === null ? "–" : `${Math.round(100 * confidence)} %`);
  setText("pause", text(state.state === "paused" ? "resume" : "pause"));
  setText("source", state.source);
  setText("fps", state.fps ? `${state.fps.toFixed(1)} Hz` : "–");
  setText("frame-time", `${state.frameMs.toFixed(1)} ms`);
  setText("dropped", String(state.dropped));
  if (document.activeElement !== the("method")) the("method").value = state.method;
  showFaces(faces, selected);
  describe(face, rate);
}

/** Lists the faces, if there are several. */
function showFaces(faces, selected) {
  const numbers = faces.map((face) => face.number).join(" ");
  if (numbers !== shownFaces) {
    shownFaces = numbers;
    const had = the("face-list").contains(document.activeElement);
    the("face-list").replaceChildren(...faces.map((face) => faceButton(face.number)));
    if (had) the("face-list").querySelector("input")?.focus();
  }
  the("faces").hidden = faces.length < 2;
  for (const face of faces) {
    const input = document.querySelector(`#face-list input[value="${face.number}"]`);
    if (input === null) continue;
    input.checked = face.number === selected;
    const rate = face.heartRate === null ? "–" : Math.round(face.heartRate);
    const words = `${text("face", { number: face.number })}: ${rate}`;
    if (input.nextSibling.textContent !== words) input.nextSibling.textContent = words;
  }
}

function faceButton(number) {
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "face", value: number });
  input.addEventListener("change", () => {
    chosen = number;
    show();
  });
  const label = document.createElement("label");
  label.append(input, document.createTextNode(""));
  return label;
}

/** Says the numbers in words, for who does not see the drawings. */
function describe(face, rate) {
  const now = performance.now();
  if (now - spoken < SPEAK_MS) return;
  spoken = now;
  setText("spoken", rate === null ? text("no_heart_rate") : text("spoken_rate", { rate: Math.round(rate) }));
  const peak = face?.candidate ?? null;
  the("spectrum").setAttribute(
    "aria-label",
    peak === null ? text("spectrum_none") : text("spectrum_label", { rate: Math.round(peak) }),
  );
  the("picture").setAttribute("aria-label", text("picture_faces", { count: state.faces.length }));
}

function setText(id, words) {
  const element = the(id);
  if (element.textContent !== words) element.textContent = words;
}

function setAdvice(words, good) {
  setText("advice", words);
  the("advice").classList.toggle("good", good);
}

function setMirror(mirrored) {
  picture.mirrored = mirrored;
  the("mirror").setAttribute("aria-pressed", String(mirrored));
}

function fillMethods(methods) {
  the("method").replaceChildren(...methods.map((method) => new Option(method, method)));
}

/** Shows this browser's camera in place of the program's pictures, or no longer. */
function useOwnCamera(used) {
  the("camera").hidden = !used;
  the("picture").hidden = used;
  the("offer").hidden = used;
  connection.wantPictures(!used);
}

the("use-camera").addEventListener("click", async () => {
  problem = null;
  try {
    await camera.start();
    useOwnCamera(true);
  } catch (error) {
    problem = error.message;
    setAdvice(text(problem), false);
  }
});
the("pause").addEventListener("click", () => connection.send(state?.state === "paused" ? "resume" : "pause"));
the("restart").addEventListener("click", () => connection.send("restart"));
the("method").addEventListener("change", (event) => connection.send("method", { method: event.target.value }));
the("mirror").addEventListener("click", () => {
  setMirror(!picture.mirrored);
  localStorage.setItem("mirror", String(picture.mirrored));
});
the("language").addEventListener("change", async (event) => {
  await useLanguage(event.target.value);
  spoken = 0;
  if (state) show();
});
const mirror = localStorage.getItem("mirror");
if (mirror !== null) setMirror(mirror === "true");
