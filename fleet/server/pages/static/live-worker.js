// One feed for all tabs of a browser: HTTP/1.1 allows six connections to a host, and each feed holds one for good.
// Posts {kind: "changed", topics, id}, {kind: "resync"}, {kind: "up", id}, {kind: "down"} and {kind: "out"} (the session has ended) to every tab.
"use strict";
const SILENCE_MS = 40000,
  LATER_MS = 1000;
const ports = new Set();
let source = null,
  up = null,
  watch = 0,
  id = null;

const tell = (message) => {
  for (const port of ports) port.postMessage(message);
};
const state = (now) => {
  if (now !== up) {
    up = now;
    tell({ kind: now ? "up" : "down" });
  }
};

function heard(event) {
  if (event.lastEventId) id = event.lastEventId;
  state(true);
  clearTimeout(watch);
  watch = setTimeout(() => {
    state(false);
    again(0);
  }, SILENCE_MS);
}

function again(wait) {
  if (source) source.close();
  source = null;
  clearTimeout(watch);
  watch = setTimeout(open, wait);
}

// An EventSource does not tell why it was refused: ask who we are.
async function refused() {
  const out = await fetch("/api/v1/me", { headers: { "X-Live": "1" } }).then(
    (answer) => answer.status === 401,
    () => false,
  );
  if (!out) return again(LATER_MS + Math.random() * LATER_MS);
  source = null;
  clearTimeout(watch);
  tell({ kind: "out" });
}

function open() {
  source = new EventSource("/events");
  source.addEventListener("changed", (event) => {
    heard(event);
    tell({ kind: "changed", topics: JSON.parse(event.data), id });
  });
  source.addEventListener("resync", (event) => {
    heard(event);
    tell({ kind: "resync" });
  });
  source.addEventListener("beat", heard);
  source.onerror = () => {
    state(false);
    if (source.readyState === EventSource.CLOSED) refused();
  };
}

self.onconnect = (event) => {
  const port = event.ports[0];
  ports.add(port);
  port.onmessage = (message) => {
    if (message.data === "bye") ports.delete(port);
  };
  if (up !== null) port.postMessage({ kind: up ? "up" : "down", id });
  if (!source) open();
};
