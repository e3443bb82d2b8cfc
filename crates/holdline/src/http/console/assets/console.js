// Follows what happens. One stream serves all pages of a browser: the one that holds the lock reads
// it and passes it on; when it closes, the next takes over from the last line it has seen. Everything
// here only adds to pages that can be read without it.
"use strict";
(() => {
  const body = document.body;
  let cursor = Number(body.dataset.seq || 0);
  const lost = document.getElementById("connection");
  const said = document.getElementById("said");
  const LINES_MAX = 50;

  // --- What is told ---------------------------------------------------------------------------

  function tell(topics) {
    for (const topic of topics) body.dispatchEvent(new CustomEvent(`live-${topic}`));
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

  function connected(is) {
    if (lost.hidden !== is) {
      lost.hidden = is;
      // What changed meanwhile is not known part by part.
      if (is) tell(["overview", "messages", "outages"]);
    }
  }

  function take(message) {
    if (message.line) activity(message.line);
    if (message.topics) tell(message.topics);
    if (message.connected !== undefined) connected(message.connected);
  }

  // --- The stream -----------------------------------------------------------------------------

  const others = "BroadcastChannel" in window ? new BroadcastChannel("holdline-live") : null;
  if (others) others.onmessage = (event) => take(event.data);

  function pass(message) {
    take(message);
    if (others) others.postMessage(message);
  }

  function follow() {
    const source = new EventSource(`/console/live?after=${cursor}`);
    let open = false;
    source.onopen = () => { open = true; pass({ connected: true }); };
    source.addEventListener("activity", (event) => pass({ line: JSON.parse(event.data) }));
    source.addEventListener("changed", (event) => pass({ topics: event.data.split(" ") }));
    source.onerror = () => {
      source.close();
      setTimeout(() => { if (!open || lost.hidden) pass({ connected: false }); }, 0);
      // Not all come back at the same moment.
      setTimeout(follow, 500 + Math.random() * 1500);
    };
    window.addEventListener("pagehide", () => source.close(), { once: true });
  }

  if (body.dataset.seq !== undefined) {
    if (others && navigator.locks) {
      navigator.locks.request("holdline-live", () => new Promise(() => follow()));
    } else {
      follow();
    }
  }

  // --- State in title and icon ----------------------------------------------------------------

  function showState() {
    const state = document.querySelector("[data-overall]");
    if (!state) return;
    const { overall, mark } = state.dataset;
    document.title = `${mark} ${body.dataset.title} – Holdline`;
    document.getElementById("icon").href = body.dataset[overall];
  }
  document.addEventListener("htmx:after:swap", () => { showState(); localTimes(); });

  // --- Times ----------------------------------------------------------------------------------

  function span(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    const two = (big, unit, small, sub) => small ? `${big} ${unit} ${small} ${sub}` : `${big} ${unit}`;
    if (s < 60) return `${s} s`;
    if (s < 3600) return two(Math.floor(s / 60), "min", s % 60, "s");
    if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor(s / 60) % 60, "min");
    return two(Math.floor(s / 86400), "d", Math.floor(s / 3600) % 24, "h");
  }

  function localTimes() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if ("ago" in time.dataset) {
        time.textContent = span(Date.now() - at);
      } else if (!time.dataset.local) {
        time.dataset.local = "yes";
        const two = (n) => String(n).padStart(2, "0");
        const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
        time.textContent =
          `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
      }
    }
  }
  localTimes();
  setInterval(localTimes, 1000);
})();
