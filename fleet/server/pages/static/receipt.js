// A receipt's QR code, checked in the browser: what it says is the fragment of the address, which is sent to nobody.
// KK1.BASE64URL(statement).BASE64URL(signature), ES256 over the first two parts (docs/receipts.md).
(() => {
  "use strict";
  const place = document.getElementById("receipt"),
    words = JSON.parse(place.dataset.words);
  // Half of the order of P-256 (NIST SP 800-186, 3.2.1.3): of two equally good values of s the smaller one counts.
  const HALF = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n / 2n;

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  const text = (array) =>
    btoa(String.fromCharCode(...array)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  // Exactly what would be written, or an error.
  function exactly(part) {
    const array = bytes(part);
    if (text(array) !== part) throw new Error("base64url");
    return array;
  }

  function read(code) {
    const [prefix, body, signed, ...more] = code.split(".");
    if (prefix !== "KK1" || more.length) throw new Error("form");
    const json = new TextDecoder("utf-8", { fatal: true }).decode(exactly(body)),
      statement = JSON.parse(json),
      signature = exactly(signed);
    if (JSON.stringify(statement) !== json || Object.keys(statement).join() !== "n,k,t,s,c,h") throw new Error("form");
    if (!Object.values(statement).every((value) => typeof value === "string")) throw new Error("form");
    if (signature.length !== 64 || number(signature.slice(32)) > HALF) throw new Error("signature");
    return { statement, signature, message: new TextEncoder().encode(`${prefix}.${body}`) };
  }

  const number = (array) => array.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);

  async function signedBy(entry, { signature, message }) {
    const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
      key = await crypto.subtle.importKey("raw", bytes(entry.key), ecdsa, false, ["verify"]);
    return crypto.subtle.verify(ecdsa, key, signature, message);
  }

  async function check(code) {
    let receipt;
    try {
      receipt = read(code);
    } catch {
      return { verdict: "altered" };
    }
    const { statement } = receipt,
      answer = await fetch(place.dataset.keys);
    if (!answer.ok || !globalThis.crypto?.subtle) return { verdict: "away" };
    const own = (await answer.json()).keys.filter((entry) => entry.station === statement.s);
    if (!own.length) return { verdict: "unknown" };
    for (const entry of own) {
      if (!(await signedBy(entry, receipt))) continue;
      const at = Date.parse(statement.t);
      if (!(Date.parse(entry.since) <= at && at <= Date.parse(entry.until))) return { verdict: "altered" };
      return { verdict: entry.revoked ? "revoked" : "genuine", statement, entry };
    }
    return { verdict: "altered" };
  }

  const two = (value) => String(value).padStart(2, "0");

  function shown(statement, entry) {
    const at = new Date(statement.t),
      day = `${at.getDate()} ${words.months[at.getMonth()]} ${at.getFullYear()}`;
    return {
      kind: words.kinds[statement.k] ?? statement.k,
      time: `${day} ${two(at.getHours())}.${two(at.getMinutes())}`,
      place: entry.place || statement.s,
      card: statement.c ? `…${statement.c.replace(/(.{4})(?=.)/g, "$1 ")}` : "–",
      number: statement.n,
    };
  }

  function say(verdict, facts) {
    for (const line of place.querySelectorAll("[data-when]")) line.hidden = line.dataset.when !== verdict;
    const list = place.querySelector("dl");
    list.hidden = !facts;
    for (const cell of list.querySelectorAll("[data-fact]")) cell.textContent = facts?.[cell.dataset.fact] ?? "";
  }

  async function look() {
    const code = location.hash.slice(1);
    for (const link of document.querySelectorAll(".langs a")) link.hash = location.hash;
    if (!code) return say("empty");
    say("checking");
    let found = { verdict: "away" };
    try {
      found = await check(code);
    } catch {
      // the keys could not be fetched: nothing is known
    }
    say(found.verdict, found.statement && shown(found.statement, found.entry));
  }

  addEventListener("hashchange", look);
  look();
})();
