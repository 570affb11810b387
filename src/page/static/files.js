// Uploads that go on after a lost connection and after a reload (tus 1.0.0), and a list of files that changes in place.
"use strict";

const LANES = 3; // uploads at a time; more would only share the same line
const CHUNK_BYTES = 8 * 1024 * 1024; // each may meet another worker, and none has to take a whole file
const RETRY_MS = 500; // the first wait; each one is twice as long as the one before
const RETRY_MOST_MS = 30000;
const STALL_MS = 60000; // no byte moves and no answer comes: the line is dead though nobody says so
const SPEED_OVER_MS = 8000;
const PAINT_MS = 500;
const FRESH_STARTS = 3; // an upload that the server no longer knows begins anew so often
const LIST_RETRY_MS = 5000;
const FORGET_MS = 7 * 24 * 3600 * 1000; // the server forgets far earlier

const byId = (id) => document.getElementById(id);
const form = byId("upload");
const account = form.dataset.account;
const most = Number(form.dataset.most);
const uploads = [];

// --- words

const plural = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

// As the server writes sizes.
function sizeText(bytes) {
  const units = ["KB", "MB", "GB", "TB", "PB"];
  let size = bytes / 1024;
  let unit = 0;

  if (bytes < 1024) return plural(bytes, "byte");
  for (; size >= 1023.5 && unit + 1 < units.length; unit++) size /= 1024;
  return `${size.toFixed(size < 9.95 && Math.abs(size - Math.round(size)) >= 0.05 ? 1 : 0)} ${units[unit]}`;
}

function durationText(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

// For screen readers. The text is emptied first, so that the same words are read again.
function say(words) {
  byId("news").textContent = "";
  setTimeout(() => (byId("news").textContent = words), 50);
}

// --- what outlives the page: where an upload is, by the file's fingerprint, and the file itself where the browser may
// keep it

const PREFIX = `mayfly-upload:${account}:`;
const fingerprint = (file) => `${PREFIX}${file.size}:${file.lastModified}:${file.name}`;

const records = {
  read(key) {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  },
  write(key, record) {
    try {
      localStorage.setItem(key, JSON.stringify(record));
    } catch {
      // A full or forbidden storage: then nothing is resumed after a reload.
    }
  },
  forget(key) {
    try {
      localStorage.removeItem(key);
    } catch {}
    handles.forget(key);
  },
  keys() {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    } catch {
      return [];
    }
  },
};

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const handles = {
  database: null,
  async store(mode) {
    if (!this.database) {
      const opening = indexedDB.open("mayfly-uploads", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("handles");
      this.database = done(opening);
    }
    return (await this.database).transaction("handles", mode).objectStore("handles");
  },
  async read(key) {
    try {
      return await done((await this.store("readonly")).get(key));
    } catch {
      return undefined;
    }
  },
  async write(key, handle) {
    try {
      await done((await this.store("readwrite")).put(handle, key));
    } catch {}
  },
  async forget(key) {
    try {
      await done((await this.store("readwrite")).delete(key));
    } catch {}
  },
};

// --- HTTP

// again: it makes sense to ask once more. fetch can't tell how much of a body has left, so this is an XMLHttpRequest.
class Refusal extends Error {
  constructor(status, words, retryAfter = 0) {
    super(words);
    this.status = status;
    this.again = status === 0 || status === 409 || status === 423 || status === 429 || status >= 500;
    this.retryAfterMs = 1000 * retryAfter;
  }
}

function refusalOf(xhr) {
  let detail = "";

  try {
    const problem = JSON.parse(xhr.responseText);
    detail = problem.detail || problem.title;
  } catch {}
  if (xhr.status === 401) detail = "you are logged out; log in in another tab, then try again";
  const wait = Number(xhr.getResponseHeader("Retry-After")) || 0;
  return new Refusal(xhr.status, detail || `the server answered ${xhr.status}`, wait);
}

function ask(method, url, headers, signal, body = null, moved = () => {}) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let stall;
    const alive = () => {
      clearTimeout(stall);
      stall = setTimeout(() => xhr.abort(), STALL_MS);
    };
    const abort = () => xhr.abort();

    xhr.open(method, url);
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("Tus-Resumable", "1.0.0");
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      alive();
      moved(event.loaded);
    };
    xhr.onloadend = () => {
      clearTimeout(stall);
      signal.removeEventListener("abort", abort);
      if (xhr.status >= 200 && xhr.status < 300) resolve(xhr);
      else reject(xhr.status === 0 ? new Refusal(0, "the connection was lost") : refusalOf(xhr));
    };
    signal.addEventListener("abort", abort);
    if (signal.aborted) return reject(new Refusal(0, "stopped"));
    alive();
    xhr.send(body);
  });
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      removeEventListener("online", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    addEventListener("online", end);
  });
}

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const hex = (byte) => byte.toString(16).padStart(2, "0");
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join("");

// --- one upload

// waiting: for its turn. sending. paused. asking: how much of it the server has. lacking: its file has to be chosen
// again. locked: the browser wants to be asked for the file. failed: see error. An upload that is finished or removed
// leaves the list.
class Upload {
  constructor(key, name, size, file = null, handle = null) {
    Object.assign(this, { key, name, size, file, handle });
    this.state = file ? "waiting" : "lacking";
    this.offset = null; // how much the server has; null: it has to be asked
    this.sent = 0;
    this.reached = 0; // the most that it ever had
    this.tries = 0; // that failed since something moved
    this.fresh = 0;
    this.turn = Promise.resolve();
    this.error = "";
    this.samples = []; // [ms, bytes sent] of late
    this.row = byId("upload-row").content.firstElementChild.cloneNode(true);
    this.row.querySelector(".name").textContent = name;
    this.row.querySelector("progress").setAttribute("aria-label", name);
    this.row.querySelector(".toggle").addEventListener("click", () => this.toggle());
    this.row.querySelector(".remove").addEventListener("click", () => this.remove());
    byId("queue").append(this.row);
    uploads.push(this);
    this.paint();
  }

  // What the server says it has.
  reach(offset) {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.size) {
      throw new Refusal(500, "the server's answer makes no sense");
    }
    if (offset > this.reached) this.tries = 0;
    this.offset = this.sent = offset;
    this.reached = Math.max(this.reached, offset);
  }

  move(sent) {
    this.sent = sent;
    this.samples.push([performance.now(), sent]);
  }

  async create(signal) {
    const record = records.read(this.key) ?? { name: this.name, size: this.size, begun: Date.now(), key: newKey() };

    records.write(this.key, record);
    if (this.handle) handles.write(this.key, this.handle);
    if (record.url) {
      this.url = record.url;
      return;
    }
    const type = this.file.type ? `,filetype ${base64(this.file.type)}` : "";
    const answer = await ask("POST", "/uploads", {
      "Upload-Length": String(this.size),
      "Upload-Metadata": `filename ${base64(this.name)}${type}`,
      "Idempotency-Key": record.key, // when the answer is lost, the next try gets the same upload
    }, signal);

    this.url = answer.getResponseHeader("Location");
    if (!this.url) throw new Refusal(500, "the server's answer makes no sense");
    records.write(this.key, { ...record, url: this.url });
    this.reach(0);
  }

  async head(signal) {
    this.reach(Number((await ask("HEAD", this.url, {}, signal)).getResponseHeader("Upload-Offset") ?? NaN));
  }

  async send(signal) {
    const begin = this.offset;
    const chunk = this.file.slice(begin, Math.min(this.size, begin + CHUNK_BYTES));
    const headers = { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(begin) };
    const answer = await ask("PATCH", this.url, headers, signal, chunk,
      (loaded) => this.move(begin + Math.min(loaded, chunk.size)));
    const offset = Number(answer.getResponseHeader("Upload-Offset") ?? NaN);

    if (!(offset > begin)) throw new Refusal(500, "the server's answer makes no sense");
    this.reach(offset);
  }

  // The server does not have the upload, or it belongs to another account.
  beginAnew() {
    records.forget(this.key);
    this.url = null;
    this.offset = null;
    this.reached = this.sent = 0;
    this.fresh++;
  }

  // Throws when the file was removed or has changed since it was chosen.
  async readable() {
    await this.file.slice(0, 1).arrayBuffer();
  }

  async step(signal) {
    try {
      if (!this.url) await this.create(signal);
      else if (this.offset === null) await this.head(signal);
      else await this.send(signal);
    } catch (refusal) {
      if (signal.aborted || !(refusal instanceof Refusal)) throw refusal;
      this.offset = null;
      this.samples = [];
      const gone = refusal.status === 404 || refusal.status === 410;
      if (this.url && gone && this.fresh < FRESH_STARTS) return this.beginAnew();
      // A PATCH to what is complete already is refused: then HEAD says that nothing is left.
      if (refusal.status === 403 && this.url && !this.asked) {
        this.asked = true;
        return;
      }
      if (!refusal.again) throw refusal;
      if (refusal.status === 0) await this.readable(); // or is it the file that is lost?
      const wait = Math.max(refusal.retryAfterMs, Math.min(RETRY_MOST_MS, RETRY_MS * 2 ** this.tries++));
      this.error = refusal.message;
      this.retryAt = performance.now() + wait * (0.75 + Math.random() / 2);
      this.paint();
      await pause(this.retryAt - performance.now(), signal);
      this.retryAt = null;
    }
  }

  async run() {
    const control = new AbortController();

    this.control = control;
    this.state = "sending";
    this.samples = [];
    this.tries = 0;
    this.asked = false;
    this.error = "";
    this.paint();
    try {
      await this.readable();
      while (!control.signal.aborted && (this.offset === null || this.offset < this.size)) {
        await this.step(control.signal);
      }
      if (!control.signal.aborted) this.finish();
    } catch (error) {
      if (control.signal.aborted) return;
      this.state = "failed";
      this.error = error instanceof Refusal ? error.message : "the file can't be read; choose it again";
      if (!(error instanceof Refusal)) this.file = null;
      say(`${this.name}: ${this.error}`);
    } finally {
      this.retryAt = null;
      this.paint();
    }
  }

  finish() {
    records.forget(this.key);
    this.leave();
    const left = uploads.filter((other) => other.state === "waiting" || other.state === "sending").length;
    say(left === 0 ? `${this.name} is uploaded.` : `${this.name} is uploaded; ${left} to go.`);
    refresh();
  }

  stop(state) {
    this.control?.abort();
    this.state = state;
    this.offset = null; // of the chunk that is cut off, some has arrived
    this.paint();
  }

  async toggle() {
    if (this.state === "sending" || this.state === "waiting") {
      this.stop("paused");
    } else if (this.state === "locked") {
      if ((await this.handle.requestPermission({ mode: "read" })) === "granted") await this.open();
    } else if (!this.file) {
      choose();
    } else {
      this.state = "waiting";
      this.paint();
    }
    pump();
  }

  async remove() {
    this.stop("removed");
    this.leave();
    records.forget(this.key);
    say(`${this.name} is removed.`);
    // Also when the page is left at once. A failure matters little: nobody goes on with it, so it expires.
    if (this.url) {
      const headers = { "Tus-Resumable": "1.0.0" };
      await fetch(this.url, { method: "DELETE", keepalive: true, headers }).catch(() => {});
    }
    refresh();
    pump();
  }

  leave() {
    const focused = this.row.contains(document.activeElement);

    uploads.splice(uploads.indexOf(this), 1);
    this.row.remove();
    this.state = "left";
    showQueue();
    if (focused) byId("upload-title").focus();
  }

  // Takes the file of an upload that an earlier page began.
  take(file, handle) {
    this.file = file;
    this.handle = handle ?? this.handle;
    this.state = "waiting";
    this.error = "";
    this.paint();
  }

  async open() {
    try {
      const file = await this.handle.getFile();
      if (fingerprint(file) === this.key) return this.take(file);
      this.error = "the file has changed";
    } catch {
      this.error = "the file was moved or removed";
    }
    this.state = "lacking";
    this.paint();
  }

  speed() {
    const now = performance.now();

    while (this.samples.length > 2 && now - this.samples[0][0] > SPEED_OVER_MS) this.samples.shift();
    if (this.samples.length < 2) return 0;
    return (1000 * (this.sent - this.samples[0][1])) / Math.max(PAINT_MS, now - this.samples[0][0]);
  }

  words() {
    const part = `${sizeText(this.sent)} of ${sizeText(this.size)}`;
    const speed = this.speed();

    switch (this.state) {
      case "waiting":
        return `Waiting · ${sizeText(this.size)}`;
      case "asking":
        return "Unfinished";
      case "paused":
        return `Paused · ${part}`;
      case "lacking":
        return `${this.error ? `${this.error} · ` : ""}${part} · Choose or drop the same file to continue.`;
      case "locked":
        return `${part} · Continue, and allow the browser to read the file.`;
      case "failed":
        return this.error;
      default:
    }
    if (this.retryAt) {
      const wait = durationText((this.retryAt - performance.now()) / 1000);
      return `${this.error.replace(/\.$/, "")} · next try in ${wait}`;
    }
    if (this.sent === this.size && this.size > 0) return `${part} · being stored`;
    if (speed === 0) return part;
    return `${part} · ${sizeText(Math.round(speed))}/s · ${durationText((this.size - this.sent) / speed)} left`;
  }

  paint() {
    const toggle = this.row.querySelector(".toggle");
    const chooseText = "Choose the file";
    const labels = {
      waiting: "Pause", sending: "Pause", failed: this.file ? "Try again" : chooseText, lacking: chooseText,
      asking: chooseText,
    };
    const label = labels[this.state] ?? "Continue";
    const hint = this.row.querySelector(".hint");
    const words = this.words();

    this.row.querySelector("progress").value = this.size === 0 ? 0 : this.sent / this.size;
    this.row.dataset.state = this.retryAt ? "retrying" : this.state;
    hint.classList.toggle("wrong", this.state === "failed");
    if (hint.textContent !== words) hint.textContent = words;
    toggle.hidden = this.state === "failed" && this.size > most;
    const remove = [this.row.querySelector(".remove"), this.state === "failed" ? "Dismiss" : "Cancel"];
    for (const [button, text] of [[toggle, label], remove]) {
      if (button.textContent === text) continue;
      button.textContent = text;
      button.setAttribute("aria-label", `${text}: ${this.name}`);
    }
  }
}

// --- the queue

function showQueue() {
  byId("queue").hidden = uploads.length === 0;
}

// Starts uploads that wait for their turn. A file that another tab is uploading is left to that tab.
function pump() {
  for (const upload of uploads) {
    if (uploads.filter((other) => other.state === "sending").length >= LANES) return;
    if (upload.state !== "waiting") continue;
    upload.state = "sending";
    const work = async (lock) => {
      if (lock === null) {
        upload.state = "failed";
        upload.error = "another tab is uploading this file";
        upload.paint();
      } else if (upload.state === "sending") {
        await upload.run();
      }
    };
    const locked = () => (navigator.locks ? navigator.locks.request(upload.key, { ifAvailable: true }, work) : work());
    upload.turn = upload.turn.then(locked).then(pump); // the turn before has to give the lock back first
  }
}

function add(file, handle) {
  const key = fingerprint(file);
  const known = uploads.find((upload) => upload.key === key);

  if (known) {
    if (!known.file || known.state === "failed" || known.state === "paused") known.take(file, handle);
    return;
  }
  const upload = new Upload(key, file.name, file.size, file, handle);
  if (file.size > most) {
    upload.state = "failed";
    upload.error = `the file has ${sizeText(file.size)}; the limit is ${sizeText(most)}`;
    say(`${file.name}: ${upload.error}`);
    upload.paint();
  }
}

function addAll(chosen) {
  for (const { file, handle } of chosen) add(file, handle);
  showQueue();
  pump();
  if (chosen.length > 0) say(`${plural(chosen.length, "file")} added.`);
}

// An upload that an earlier page has left. It continues without the user where the browser has kept a handle of the
// file.
async function recall(key) {
  const record = records.read(key);
  const never = new AbortController().signal;

  if (!record || !record.url) {
    if (!record || !(Date.now() - record.begun < FORGET_MS)) records.forget(key);
    return;
  }
  const upload = new Upload(key, record.name, record.size);
  upload.url = record.url;
  upload.state = "asking";
  upload.paint();
  showQueue();
  try {
    await upload.head(never);
  } catch (refusal) {
    // Otherwise it is away for the moment, and will be asked again.
    if ([403, 404, 410].includes(refusal.status)) {
      records.forget(key);
      return upload.leave();
    }
  }
  const handle = await handles.read(key);
  if (upload.state !== "asking") return; // its file was chosen meanwhile, or it was removed
  if (upload.offset === upload.size) return upload.finish();
  upload.state = "lacking";
  if (handle) {
    upload.handle = handle;
    if ((await handle.queryPermission({ mode: "read" })) === "granted") await upload.open();
    else upload.state = "locked";
  }
  upload.paint();
  pump();
}

async function recallAll() {
  const held = navigator.locks ? (await navigator.locks.query()).held.map((lock) => lock.name) : [];

  await Promise.all(records.keys().filter((key) => !held.includes(key)).map(recall));
}

// --- choosing and dropping

const chosen = byId("chosen");

// The picker that gives handles, from which an upload goes on by itself after a reload; else the form's own.
async function pick() {
  try {
    const picked = await showOpenFilePicker({ multiple: true });
    addAll(await Promise.all(picked.map(async (handle) => ({ file: await handle.getFile(), handle }))));
  } catch (error) {
    if (error.name !== "AbortError") throw error; // nothing was chosen
  }
}

const choose = () => (window.showOpenFilePicker ? pick() : chosen.click());

chosen.addEventListener("click", (event) => {
  if (!window.showOpenFilePicker) return;
  event.preventDefault();
  pick();
});
chosen.addEventListener("change", () => {
  addAll(Array.from(chosen.files, (file) => ({ file })));
  chosen.value = "";
});

// Items are empty after the first await, so everything is read from them at once.
function dropped(transfer) {
  const items = Array.from(transfer.items).filter((item) => item.kind === "file");

  return items.map((item) => ({
    folder: item.webkitGetAsEntry?.()?.isDirectory ?? false,
    file: item.getAsFile(),
    handle: item.getAsFileSystemHandle?.().catch(() => null),
  }));
}

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
let over = 0;

function showOver(more) {
  over = more === 0 ? 0 : over + more;
  form.classList.toggle("over", over > 0);
}

addEventListener("dragenter", (event) => hasFiles(event) && showOver(1));
addEventListener("dragleave", (event) => hasFiles(event) && showOver(-1));
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  showOver(0);
  const all = dropped(event.dataTransfer);
  const files = all.filter((one) => !one.folder && one.file);
  for (const one of files) one.handle = await one.handle;
  addAll(files);
  if (files.length < all.length) say("Folders can't be uploaded. Drop the files that are in them.");
});

// --- the list

let stale = false;

// Where no picture can be made, the ending of the name beneath it is shown. gallery.js needs to know of the new rows.
function prepareList() {
  showTimes(byId("list"));
  for (const image of byId("list").querySelectorAll(".picture img")) {
    const giveUp = () => {
      image.closest("a").removeAttribute("href");
      image.remove();
    };
    if (image.complete && image.naturalWidth === 0) giveUp();
    else image.addEventListener("error", giveUp);
  }
  document.dispatchEvent(new Event("list-renewed"));
}

// Takes the newest list from the server, but not while a menu is open or files are selected in it.
async function refresh(url = location.href, wanted = false) {
  stale = !wanted && byId("list").querySelector("details[open], .pick input:checked") !== null;
  if (stale) return false;
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");

    if (!page.getElementById("list")) throw new Error(`status ${response.status}`); // an outage, or logged out
    for (const id of ["room", "list"]) byId(id).replaceWith(document.adoptNode(page.getElementById(id)));
    prepareList();
    return true;
  } catch {
    stale = true;
    setTimeout(() => stale && refresh(), LIST_RETRY_MS);
    return false;
  }
}

async function show(url, words) {
  if (await refresh(url, true)) {
    byId("list-title").focus();
    say(words);
  } else if (uploads.length === 0) {
    location.assign(url);
  }
}

// Shows the result of a form at its end.
function inForm(where, kind, words) {
  const place = document.createElement(kind === "good" ? "label" : "p");

  where.querySelector(".message")?.remove();
  place.className = `message ${kind}`;
  place.textContent = words;
  say(words);
  where.append(place);
  return place;
}

async function showLink(where, answer) {
  const address = document.createElement("input");

  address.readOnly = true;
  address.value = new URL(answer.url, location.href).href;
  inForm(where, "good", "Copy the address now. It is not shown again.").append(address);
  address.focus();
  address.select();
  await listLinks(where.closest("details"));
}

function linkRow(link, place, details) {
  const row = document.createElement("li");
  const until = document.createElement("time");
  const button = document.createElement("button");
  const left = link.uses_left === null ? "" : ` · ${plural(link.uses_left, "download")} left`;

  until.dateTime = until.textContent = link.expires_at;
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Revoke";
  row.append("A link until ", until, left, button);
  showTimes(row);
  button.setAttribute("aria-label", `Revoke: ${row.firstChild.data}${until.textContent}${left}`);
  button.addEventListener("click", async () => {
    const headers = { Accept: "application/json" };
    const response = await fetch(`${place}/${link.id}`, { method: "DELETE", headers }).catch(() => null);

    if (!response?.ok && response?.status !== 404) return say("The link could not be revoked. Try again.");
    details.querySelector("form.link .message")?.remove();
    await listLinks(details);
    details.querySelector("form.link button").focus();
    say("The link is revoked.");
  });
  return row;
}

// Lists the links to a file. Their addresses were shown when they were made; the server does not have them.
async function listLinks(details) {
  const making = details.querySelector("form.link");
  const place = `${making.action}s`;
  const response = await fetch(place, { headers: { Accept: "application/json" } }).catch(() => null);
  const links = response?.ok ? (await response.json()).links : [];
  const list = document.createElement("ul");

  list.setAttribute("aria-label", "Links to this file");
  list.append(...links.map((link) => linkRow(link, place, details)));
  making.querySelector("ul")?.remove();
  if (links.length > 0) making.append(list);
}

// The forms of the list have the same effect as without scripts, but the page stays.
async function act(acting) {
  const button = acting.querySelector("button");

  button.disabled = true;
  try {
    const body = new URLSearchParams(new FormData(acting));
    const response = await fetch(acting.action, { method: "POST", body, headers: { Accept: "application/json" } });
    const answer = response.status === 204 ? {} : await response.json();

    if (!response.ok) inForm(acting, "bad", answer.detail || answer.title);
    else if (acting.classList.contains("link")) await showLink(acting, answer);
    else await show(location.href, acting.action.endsWith("/delete") ? "The file is deleted." : "The file is renamed.");
  } catch {
    inForm(acting, "bad", "The connection was lost. Try again.");
  }
  button.disabled = false;
}

document.addEventListener("submit", (event) => {
  const acting = event.target;

  if (acting.id === "search") {
    event.preventDefault();
    const url = `/files?${new URLSearchParams(new FormData(acting))}`;
    history.pushState(null, "", url);
    show(url, "The list is renewed.");
  } else if (byId("list").contains(acting)) {
    event.preventDefault();
    act(acting);
  } else if (acting === form) {
    event.preventDefault();
  }
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.(".pages a");

  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  show(link.href, "The list goes on.");
});
document.addEventListener("toggle", (event) => {
  if (event.target.open && event.target.querySelector(":scope > form.link")) listLinks(event.target);
  else if (!event.target.open && event.target.matches(".menu") && stale) refresh();
}, true);
// A menu lies above the rows below it, so it is closed by Escape and by a click elsewhere.
const closeMenus = (but = null) => {
  for (const menu of byId("list").querySelectorAll(".menu[open]")) if (menu !== but) menu.open = false;
};
document.addEventListener("click", (event) => closeMenus(event.target.closest?.(".menu")));
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" ? byId("list").querySelector(".menu[open]") : null;

  if (!menu) return;
  closeMenus();
  menu.querySelector("summary").focus();
});
addEventListener("popstate", () => show(location.href, "The list is renewed."));
addEventListener("online", () => stale && refresh());
// After leaving the page, the user has to choose the file again to continue.
addEventListener("beforeunload", (event) => {
  if (uploads.some((upload) => upload.file && !upload.handle && upload.state !== "failed")) event.preventDefault();
});

byId("or-drop").hidden = false;
byId("resumes").hidden = false;
form.querySelector("button").hidden = true;
form.classList.add("ready");
setInterval(() => uploads.filter((upload) => upload.state === "sending").forEach((upload) => upload.paint()), PAINT_MS);
prepareList();
recallAll();
