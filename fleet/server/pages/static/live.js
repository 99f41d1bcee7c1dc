// Keeps the page up to date: on a change of a topic that the page shows, it asks for its own fragment again through htmx.
// Draws nothing while hidden or paused, and says so when the line to the server is lost and when it is back.
// One question at a time, and a rest after each answer, the longer the server took for it: many pages cannot wear it out. What
// changes meanwhile is one question afterwards. The answer to a button (a link that is shown once, a verdict, what was wrong) stands
// still until it is left.
(() => {
  "use strict";
  const EVERY_MS = 30000,
    LATER_MS = 1000,
    REST_MS = 500,
    LONGEST_REST_MS = 10000,
    REST_FOR_ANSWER = 4;
  const by = (id) => document.getElementById(id);
  let lost = false,
    paused = false,
    stale = false,
    met = false;
  let asking = null,
    began = 0,
    rested = 0,
    timer = 0;

  const say = (text, down) => {
    const line = by("link");
    line.textContent = text;
    line.classList.toggle("down", down);
  };

  function refresh() {
    if ("still" in by("live").dataset) return;
    stale = true;
    if (!document.hidden && !paused && !asking && !timer)
      timer = setTimeout(ask, Math.max(0, rested - performance.now()));
  }

  function ask() {
    timer = 0;
    if (document.hidden || paused || asking) return;
    stale = false;
    htmx
      .ajax("GET", location.pathname + location.search, {
        source: "#live",
        target: "#live",
        swap: "innerHTML",
        headers: { "X-Live": "1" },
      })
      .catch(() => {}); // a filter took its place, or the server is away: both are seen elsewhere
  }

  // Of the filter's questions too: they change the address, and an answer to the old one must not come after theirs.
  function asked(event) {
    if (event.detail.target.id !== "live") return;
    asking = event.detail.xhr;
    began = performance.now();
  }

  function answered(event) {
    if (event.detail.xhr !== asking) return;
    const now = performance.now();
    asking = null;
    rested = now + Math.min(LONGEST_REST_MS, Math.max(REST_MS, REST_FOR_ANSWER * (now - began)));
    if (stale) refresh();
  }

  function changed(topics) {
    const shown = (by("live").dataset.topics || "").split(" ");
    if (topics.some((topic) => shown.includes(topic))) refresh();
  }

  function hear(message) {
    const words = by("link").dataset;
    if (message.id && !met) {
      met = true;
      if (message.id !== by("live").dataset.seen) refresh();
    } // changed while the page was on its way
    if (message.kind === "changed") changed(message.topics);
    if (message.kind === "resync") refresh();
    if (message.kind === "out")
      location.assign("/sign-in?onward=" + encodeURIComponent(location.pathname + location.search));
    if (message.kind === "down" && !lost) {
      lost = true;
      say(words.down, true);
    }
    if (message.kind === "up" && lost) {
      lost = false;
      say(words.up, false);
      refresh();
    }
    document.documentElement.dataset.feed = lost ? "down" : "up";
  }

  function viaWorker() {
    const worker = new SharedWorker(by("link").dataset.worker);
    worker.port.onmessage = (event) => hear(event.data);
    worker.port.start();
    addEventListener("pagehide", () => worker.port.postMessage("bye"));
    addEventListener("pageshow", (event) => {
      if (event.persisted) location.reload();
    });
  }

  function viaSource() {
    const source = new EventSource("/events");
    source.addEventListener("changed", (event) => {
      hear({ kind: "up", id: event.lastEventId });
      hear({ kind: "changed", topics: JSON.parse(event.data) });
    });
    source.addEventListener("resync", () => {
      hear({ kind: "up" });
      hear({ kind: "resync" });
    });
    source.onerror = () => {
      hear({ kind: "down" });
      if (source.readyState === EventSource.CLOSED)
        fetch("/api/v1/me", { headers: { "X-Live": "1" } })
          .then(
            (answer) => answer.status === 401,
            () => false,
          )
          .then((out) => {
            if (out) hear({ kind: "out" });
            else setTimeout(viaSource, LATER_MS + Math.random() * LATER_MS);
          });
    };
  }

  const menu = () => document.querySelector("details.menu[open]");

  function pause() {
    const button = by("pause");
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.querySelector("span").textContent = paused ? button.dataset.go : button.dataset.stop;
    if (!paused && stale) refresh();
  }

  // A field that somebody has written in or chosen from; htmx itself gives the focus back.
  const touched = (field) =>
    field.options
      ? [...field.options].some((one) => one.selected !== one.defaultSelected)
      : field.value !== field.defaultValue;

  function write(id, value, from, to) {
    const field = by(id);
    if (!field) return;
    field.value = value;
    if (from !== null && field === document.activeElement) field.setSelectionRange(from, to);
  }

  // What a person has opened, scrolled or written stays so when the fragment is drawn again.
  function keep(event) {
    if (event.detail.target.id !== "live") return;
    const all = (what) => [...document.querySelectorAll("#live " + what)];
    const open = all("details[open][id]").map((each) => each.id);
    const scrolled = all(".scroll[id]").map((each) => [each.id, each.scrollLeft]);
    const written = all(":is(input:not([type=hidden]), select)[id]")
      .filter(touched)
      .map((each) => [each.id, each.value, each.selectionStart ?? null, each.selectionEnd ?? null]);
    document.body.addEventListener(
      "htmx:afterSwap",
      () => {
        for (const id of open) if (by(id)) by(id).open = true;
        for (const [id, left] of scrolled) if (by(id)) by(id).scrollLeft = left;
        for (const field of written) write(...field);
      },
      { once: true },
    );
  }

  document.documentElement.classList.add("js");
  document.body.addEventListener("htmx:beforeRequest", asked);
  document.body.addEventListener("htmx:afterRequest", answered);
  document.body.addEventListener("htmx:beforeSwap", keep);
  by("pause").addEventListener("click", pause);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && stale) refresh();
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing) {
      if (by("find")) {
        event.preventDefault();
        by("find").focus();
      }
    }
    if (event.key === "Escape" && menu()) {
      const left = menu();
      left.open = false;
      left.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (menu() && !menu().contains(event.target)) menu().open = false;
  });
  // What a QR code names behind the #, such as the code that a station shows, stands in the form's fields, and no longer there.
  const form = document.querySelector("form[data-from-hash]");
  if (form && location.hash.includes("=")) {
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
      const field = form.querySelector(`input:not([type=hidden])[name="${CSS.escape(name)}"]`);
      if (field) field.value = value;
    }
    history.replaceState(null, "", location.pathname + location.search);
    form.scrollIntoView({ block: "center" });
  }
  setInterval(refresh, EVERY_MS);
  if (typeof SharedWorker === "function") viaWorker();
  else viaSource();
})();
