// Asking the person for a host and a token.

import { asHost, forget, isRemembered, keep } from "./connection.js";
import { fill, h, labelled } from "./dom.js";

/** A dialog; `done` gets what it gives, null when the connection is to be forgotten. */
export function askForConnection({ connection, reason, done }) {
  const own = connection?.own ?? false;
  const host = h("input", {
    type: "url",
    required: true,
    readonly: own,
    autocomplete: "url",
    placeholder: "https://api.tinybird.co",
    value: connection?.host ?? "",
    "data-control": "host",
  });
  const token = h("input", {
    type: "password",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    "data-control": "token",
  });
  const remember = h("input", { type: "checkbox", checked: isRemembered() });
  const problem = h("p", { class: "error", role: "alert" }, reason ?? "");
  const dialog = h("dialog", { class: "connect", "aria-labelledby": "connect-title" });
  const submit = (event) => {
    event.preventDefault();
    const found = asHost(host.value);
    if (found === null || !token.value.trim()) {
      problem.textContent = "A host is an address such as https://api.tinybird.co.";
      return;
    }
    const chosen = { host: found, token: token.value.trim(), own: found === location.origin };
    keep(chosen, remember.checked);
    close(chosen);
  };
  const close = (chosen) => {
    dialog.close();
    done(chosen);
  };
  fill(
    dialog,
    h(
      "form",
      { onsubmit: submit, novalidate: true },
      h("h2", { id: "connect-title" }, "Where the numbers are"),
      h(
        "p",
        { class: "note" },
        "A host with this project, and a token that may read its endpoints: of everybody, or of one tenant.",
      ),
      labelled("Host", host),
      labelled("Token", token),
      h("label", { class: "check" }, remember, "Remember them on this device"),
      problem,
      h(
        "div",
        { class: "row" },
        h("button", { type: "submit", class: "primary" }, "Connect"),
        connection && h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        connection &&
          h(
            "button",
            {
              type: "button",
              class: "quiet",
              onclick: () => {
                forget();
                close(null);
              },
            },
            "Forget this one",
          ),
      ),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  if (!connection) dialog.addEventListener("cancel", (event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
}
