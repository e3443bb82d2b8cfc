// Follows what happens. One stream serves all pages of a browser: the one that holds the lock reads
// it and passes it on; when it closes, the next takes over from the last line it has seen. Everything
// here only adds to pages that can be read without it.
"use strict";
(() => {
  const body = document.body;
  if (body.dataset.seq === undefined) return;
  const TOPICS = ["overview", "messages", "outages"];
  const note = document.getElementById("connection");
  const said = document.getElementById("said");
  const LINES_MAX = 50;
  // The server says every 15 s that it is there.
  const SILENCE_MS = 40000;
  const PAUSE_MS_MAX = 30000;
  let cursor = Number(body.dataset.seq);
  // What the page that reads the stream has told, for pages that were being loaded meanwhile.
  const told = [];
  let leads = false;
  let stale = new Set();

  // --- What is told ---------------------------------------------------------------------------

  // A page that nobody sees is brought up to date when somebody looks.
  function tell(topics) {
    topics.forEach((topic) => stale.add(topic));
    if (document.hidden) return;
    const now = stale;
    stale = new Set();
    for (const topic of now) body.dispatchEvent(new CustomEvent(`live-${topic}`));
  }

  function activity(line) {
    if (line.seq <= cursor) return;
    cursor = line.seq;
    const entry = document.createElement("p");
    entry.dataset.seq = line.seq;
    entry.textContent = `${line.subject}: ${line.words}`;
    said.append(entry);
    while (said.children.length > LINES_MAX) said.firstChild.remove();
  }

  function state(name) {
    const before = note.textContent;
    note.textContent = name === "good" ? "" : note.dataset[name];
    // What changed meanwhile is not known part by part.
    if (name === "good" && before) tell(TOPICS);
  }

  function take(message) {
    if (message.line) activity(message.line);
    if (message.topics) tell(message.topics);
    if (message.state) state(message.state);
    if (message.since !== undefined && leads) {
      for (const line of told) if (line.seq > message.since) others.postMessage({ line });
    }
  }

  // --- The stream -----------------------------------------------------------------------------

  const shared = "BroadcastChannel" in window && navigator.locks;
  const others = shared ? new BroadcastChannel("holdline-live") : null;
  if (others) others.onmessage = (event) => take(event.data);

  function pass(message) {
    take(message);
    if (others) others.postMessage(message);
  }

  let failures = 0;

  async function again() {
    pass({ state: "lost" });
    failures += 1;
    // Not all come back at the same moment, and not again and again at once.
    const most = Math.min(PAUSE_MS_MAX, 1000 * 2 ** Math.min(failures, 5));
    await new Promise((done) => setTimeout(done, 500 + Math.random() * most));
    try {
      const answer = await fetch("/console/banner", { headers: { "HX-Request": "true" } });
      if (answer.status === 401) location.reload();
    } catch {
      // The server is away: the stream finds out when it is back.
    }
    follow();
  }

  function follow() {
    leads = true;
    const source = new EventSource(`/console/live?after=${cursor}`);
    let watch;
    const end = () => {
      clearTimeout(watch);
      source.close();
      again();
    };
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(end, SILENCE_MS);
    };
    alive();
    source.onopen = () => { failures = 0; alive(); pass({ state: "good" }); };
    source.addEventListener("alive", alive);
    source.addEventListener("full", () => { clearTimeout(watch); source.close(); pass({ state: "full" }); });
    source.addEventListener("activity", (event) => {
      alive();
      const line = JSON.parse(event.data);
      told.push(line);
      if (told.length > LINES_MAX) told.shift();
      pass({ line });
    });
    source.addEventListener("changed", (event) => { alive(); pass({ topics: event.data.split(" ") }); });
    source.onerror = end;
  }

  if (others) {
    others.postMessage({ since: cursor });
    navigator.locks.request("holdline-live", () => new Promise(() => follow()));
  } else {
    follow();
  }
  document.addEventListener("visibilitychange", () => tell([]));
  // A page that comes from the browser's memory follows nothing any more.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  // --- State in title and icon ----------------------------------------------------------------

  function showState() {
    const shown = document.querySelector("[data-overall]");
    if (!shown) return;
    const { overall, mark } = shown.dataset;
    document.title = `${mark} ${body.dataset.title} – Holdline`;
    document.getElementById("icon").href = body.dataset[overall];
  }
  document.addEventListener("htmx:after:swap", () => { showState(); count(); });

  // --- How long ago ---------------------------------------------------------------------------

  function span(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    const two = (big, unit, small, sub) => small ? `${big} ${unit} ${small} ${sub}` : `${big} ${unit}`;
    if (s < 60) return `${s} s`;
    if (s < 3600) return two(Math.floor(s / 60), "min", s % 60, "s");
    if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor(s / 60) % 60, "min");
    return two(Math.floor(s / 86400), "d", Math.floor(s / 3600) % 24, "h");
  }

  function count() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      time.textContent = span(Date.now() - new Date(time.dateTime));
    }
  }
  setInterval(count, 1000);
})();
