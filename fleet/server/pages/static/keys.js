// Security keys (WebAuthn): the button of a form with `data-webauthn` asks the browser, and the form sends what the key has signed.
// Pages and answers are the server's; nothing is kept here.
(() => {
  "use strict";
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");

  function wanted(options) {
    const named = (one) => ({ ...one, id: bytes(one.id) });
    const publicKey = { ...options, challenge: bytes(options.challenge) };
    if (options.user) publicKey.user = named(options.user);
    for (const list of ["allowCredentials", "excludeCredentials"])
      if (options[list]) publicKey[list] = options[list].map(named);
    return { publicKey };
  }

  function told(credential) {
    const response = {};
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]) {
      if (credential.response[part]) response[part] = text(credential.response[part]);
    }
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
  }

  function say(form, when) {
    for (const line of form.querySelectorAll("[data-when]")) line.hidden = line.dataset.when !== when;
  }

  async function ask(form) {
    const button = form.querySelector("button"),
      options = wanted(JSON.parse(form.dataset.options));
    button.disabled = true;
    say(form, "");
    try {
      const credential = await (form.dataset.webauthn === "create"
        ? navigator.credentials.create(options)
        : navigator.credentials.get(options));
      form.elements.credential.value = told(credential);
      form.submit(); // without this listener
    } catch {
      // not touched, taken out, unknown here, or a wrong PIN: browsers do not say which
      say(form, "failed");
      button.disabled = false;
      button.focus();
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.webauthn) return;
    event.preventDefault();
    if (window.PublicKeyCredential) ask(form);
    else say(form, "missing");
  });
})();
