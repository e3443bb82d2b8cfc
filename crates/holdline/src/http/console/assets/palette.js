// Keys: the palette (Ctrl-K), the list of keys (?), going to pages (g and a letter), moving in lists.
"use strict";
(() => {
  const palette = document.getElementById("palette");
  const text = document.getElementById("palette-text");
  const keys = document.getElementById("keys");
  if (!palette) return;
  const items = [...palette.querySelectorAll("li")];
  let chosen = 0;

  const shown = () => items.filter((item) => !item.hidden);

  function choose(ix) {
    const list = shown();
    chosen = list.length ? (ix + list.length) % list.length : 0;
    items.forEach((item) => item.setAttribute("aria-selected", "false"));
    const item = list[chosen];
    if (!item) return;
    item.setAttribute("aria-selected", "true");
    item.id = item.id || `command-${items.indexOf(item)}`;
    text.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }

  function filter() {
    const wanted = text.value.trim().toLowerCase();
    for (const item of items) {
      if (item.dataset.search) {
        item.hidden = !wanted;
        item.querySelector("span").textContent = text.value.trim();
        item.dataset.href = item.dataset.search + encodeURIComponent(text.value.trim());
      } else {
        item.hidden = !item.textContent.toLowerCase().includes(wanted);
      }
    }
    choose(0);
  }

  function open() {
    text.value = "";
    filter();
    palette.showModal();
    text.focus();
  }

  text.addEventListener("input", filter);
  text.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") {
      const item = shown()[chosen];
      if (item) location.href = item.dataset.href;
    } else return;
    event.preventDefault();
  });

  palette.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item) location.href = item.dataset.href;
    else if (event.target === palette) palette.close();
  });

  const PAGES = { o: "", m: "messages", u: "outages", c: "contacts", s: "settings", x: "sandbox" };
  let goes = 0;

  function move(by) {
    const rows = [...document.querySelectorAll("main tbody tr:has(a)")];
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.hasAttribute("data-current"));
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    rows.forEach((row) => row.removeAttribute("data-current"));
    next.setAttribute("data-current", "");
    next.querySelector("a").focus();
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette.open ? palette.close() : open();
      return;
    }
    const typing = event.target.closest("input, textarea, select, dialog[open]");
    // Right after a dialog was closed its field has the focus still, unseen.
    if (typing?.getClientRects().length || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.timeStamp - goes < 1500 && event.key in PAGES) {
      location.href = `/console/${PAGES[event.key]}`;
      return;
    }
    goes = event.key === "g" ? event.timeStamp : 0;
    const search = document.querySelector("main input[type=search]");
    if (event.key === "?") keys.showModal();
    else if (event.key === "/" && search) search.focus();
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else return;
    event.preventDefault();
  });
})();
