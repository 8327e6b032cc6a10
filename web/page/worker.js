// Measures in a thread of its own, so that the page stays smooth.

import { Session } from "./session.js";

const WATCH_MS = 250;

const actions = {
  begin: (session, { source }) => session.begin(source),
  end: (session) => session.end(),
  command: (session, message) => session.obey(message),
  frame(session, { image, time, dropped }) {
    session.push(image, time, dropped);
    postMessage({ type: "taken" });
  },
};

const opening = Session.open((message) => postMessage(message));
onmessage = async ({ data }) => {
  const session = await opening;
  try {
    await actions[data.type](session, data);
  } catch (error) {
    session.fail(error);
  }
};
opening.then((session) => setInterval(() => session.watch(), WATCH_MS), refuse);

/** Says why there is no session. */
function refuse(error) {
  const none = { note: "", time: 0, width: 0, height: 0, source: "", method: "", run: 0, fps: 0, frameMs: 0, dropped: 0 };
  const reason = `${error.name}: ${error.message}`;
  postMessage({ type: "state", state: "failed", reason, advice: "failed", faces: [], ...none });
}
