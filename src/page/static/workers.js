// Asks GET /worker again and again and shows which worker answers: a dot for each request, a row for each worker.
"use strict";

const LANES = 4; // requests sent together, so that one worker alone is not enough for them
const PAUSE_MS = 160; // between two of a lane: about 25 a second, little for a server and a lot to look at
const BACK_OFF_MS = 2000; // after a failure, and while nobody looks
const RUN_REQUESTS = 3000; // a forgotten tab stops asking
const RESTING_AFTER = 200; // answers of others since the last one
const SPOKEN_EVERY_MS = 5000; // long enough for a screen reader to finish the sentence
const GOLDEN_ANGLE = 137.508; // neighbours get hues far apart, however many there will be
const DOTS = 240;

const byId = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const workers = new Map(); // by name, in the order of their first answers
let answers = 0;
let failures = 0;
let run = null; // an object for each run: the lanes of an earlier run see that it is over

function element(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function addWorker(name) {
  const hue = (170 + workers.size * GOLDEN_ANGLE) % 360;
  const count = element("td", { className: "number" });
  const share = element("td", { className: "share" });
  const label = element("span", { className: "worker", textContent: name });
  const heading = element("th", { scope: "row" }, element("i", { className: "dot answered" }), label);
  const row = element("tr", {}, heading, count, share);

  row.style.setProperty("--hue", hue);
  byId("workers").append(row);
  workers.set(name, { hue, row, count, share, answers: 0, last: 0 });
}

const busiest = () => Math.max(0, ...Array.from(workers.values(), (worker) => worker.answers));
const percent = (part) => `${Math.round((100 * part) / Math.max(1, answers))}\u00a0%`;

function showWorkers() {
  const most = busiest();

  for (const worker of workers.values()) {
    worker.count.textContent = worker.answers;
    worker.share.textContent = percent(worker.answers);
    worker.share.style.setProperty("--part", worker.answers / most);
    worker.row.classList.toggle("resting", answers - worker.last > RESTING_AFTER);
  }
  showSummary();
}

// The dots are a ring; the empty one after the newest shows where it goes on.
function showDot(worker, title) {
  const at = answers + failures - 1;
  const dot = byId("dots").children[at % DOTS];

  dot.className = worker ? "dot answered" : "dot failed";
  dot.title = title;
  if (worker) dot.style.setProperty("--hue", worker.hue);
  byId("dots").children[(at + 1) % DOTS].className = "dot";
}

// The sentence above the table is written together with it, so that they agree.
function showSummary() {
  const who = workers.size === 1 ? "1 worker" : `${workers.size} workers`;
  const lost = failures === 0 ? "None failed" : `${failures} failed`;

  byId("summary").textContent =
    `${answers} requests were answered by ${who}. ${lost}. The busiest worker took ${percent(busiest())}.`;
}

// What a screen reader is told: the same sentence, less often.
function speak() {
  byId("spoken").textContent = byId("summary").textContent;
}

async function ask() {
  try {
    const response = await fetch("/worker", { cache: "no-store", headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const { worker: name } = await response.json();
    if (!workers.has(name)) addWorker(name);
    const worker = workers.get(name);
    worker.answers++;
    worker.last = ++answers;
    showDot(worker, name);
    showWorkers();
    return PAUSE_MS;
  } catch (error) {
    failures++;
    showDot(null, error.message);
    showWorkers();
    return BACK_OFF_MS;
  }
}

async function lane(own) {
  while (own === run && own.left-- > 0) await sleep(document.hidden ? BACK_OFF_MS : await ask());
  if (own === run) stop();
}

function start() {
  run = { left: RUN_REQUESTS, voice: setInterval(speak, SPOKEN_EVERY_MS) };
  byId("pause").textContent = "Pause";
  for (let i = 0; i < LANES; i++) lane(run);
}

function stop() {
  clearInterval(run.voice);
  run = null;
  byId("pause").textContent = "Go on";
  speak();
}

byId("dots").append(...Array.from({ length: DOTS }, () => element("i", { className: "dot" })));
byId("pause").addEventListener("click", () => (run ? stop() : start()));
byId("live").hidden = false;
start();
setTimeout(speak, 1000);
