// Keeps the page up to date: on a change of a topic that the page shows, it asks for its own fragment again through htmx.
// Draws nothing while hidden or paused, and says so when the line to the server is lost and when it is back.
"use strict";
(() => {
  const EVERY_MS = 30000, LATER_MS = 1000;
  const by = (id) => document.getElementById(id);
  let lost = false, paused = false, stale = false, met = false;

  const say = (text, down) => { const line = by("link"); line.textContent = text; line.classList.toggle("down", down); };

  function refresh() {
    stale = document.hidden || paused;
    if (!stale) htmx.ajax("GET", location.pathname + location.search, { source: "#live", target: "#live", swap: "innerHTML" });
  }

  function changed(topics) {
    const shown = (by("live").dataset.topics || "").split(" ");
    if (topics.some((topic) => shown.includes(topic))) refresh();
  }

  function hear(message) {
    const words = by("link").dataset;
    if (message.id && !met) { met = true; if (message.id !== by("live").dataset.seen) refresh(); }  // changed while the page was on its way
    if (message.kind === "changed") changed(message.topics);
    if (message.kind === "resync") refresh();
    if (message.kind === "down" && !lost) { lost = true; say(words.down, true); }
    if (message.kind === "up" && lost) { lost = false; say(words.up, false); refresh(); }
    document.documentElement.dataset.feed = lost ? "down" : "up";
  }

  function viaWorker() {
    const worker = new SharedWorker(by("link").dataset.worker);
    worker.port.onmessage = (event) => hear(event.data);
    worker.port.start();
    addEventListener("pagehide", () => worker.port.postMessage("bye"));
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  function viaSource() {
    const source = new EventSource("/events");
    source.addEventListener("changed", (event) => { hear({ kind: "up", id: event.lastEventId }); hear({ kind: "changed", topics: JSON.parse(event.data) }); });
    source.addEventListener("resync", () => { hear({ kind: "up" }); hear({ kind: "resync" }); });
    source.onerror = () => {
      hear({ kind: "down" });
      if (source.readyState === EventSource.CLOSED) setTimeout(viaSource, LATER_MS + Math.random() * LATER_MS);
    };
  }

  function pause() {
    const button = by("pause");
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.querySelector("span").textContent = paused ? button.dataset.go : button.dataset.stop;
    if (!paused && stale) refresh();
  }

  // What a person has opened or scrolled stays so when the fragment is drawn again.
  function keep(event) {
    if (event.detail.target.id !== "live") return;
    const open = [...document.querySelectorAll("#live details[open][id]")].map((each) => each.id);
    const scrolled = [...document.querySelectorAll("#live .scroll[id]")].map((each) => [each.id, each.scrollLeft]);
    document.body.addEventListener("htmx:afterSwap", () => {
      for (const id of open) if (by(id)) by(id).open = true;
      for (const [id, left] of scrolled) if (by(id)) by(id).scrollLeft = left;
    }, { once: true });
  }

  document.documentElement.classList.add("js");
  document.body.addEventListener("htmx:beforeSwap", keep);
  by("pause").addEventListener("click", pause);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && stale) refresh(); });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); by("find").focus(); }
  });
  document.addEventListener("click", (event) => {
    const menu = document.querySelector("details.menu[open]");
    if (menu && !menu.contains(event.target)) menu.open = false;
  });
  setInterval(refresh, EVERY_MS);
  if (typeof SharedWorker === "function") viaWorker(); else viaSource();
})();
