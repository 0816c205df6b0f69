// Elements. Text always goes in as text: nothing here, or anywhere else, parses HTML.

/**
 * An element with properties and children. `on…` listens, `class`, `aria-…`, `data-…` and the like
 * are attributes; children are elements or texts, and those that are null or false are left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** Put these children in the place of what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

let ids = 0;

/** An id that no other element has. */
export function newId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

/** A field with its label in front. */
export function labelled(text, field, { hidden = false } = {}) {
  field.id ||= newId("field");
  const label = h("label", { for: field.id, class: hidden ? "unseen" : "label" }, text);
  return h("div", { class: "field" }, label, field);
}

/** A `select` over pairs of value and text. */
export function select(options, value, onchange, properties = {}) {
  const element = h(
    "select",
    { ...properties, onchange: () => onchange(element.value) },
    ...options.map(([key, text]) => h("option", { value: key }, text)),
  );
  element.value = value;
  return element;
}

/** Buttons of which one is chosen. */
export function choice(label, options, value, onchoose) {
  const buttons = options.map(([key, text]) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(key === value),
        "data-value": key,
        onclick: () => {
          for (const button of buttons) {
            button.setAttribute("aria-pressed", String(button.dataset.value === key));
          }
          onchoose(key);
        },
      },
      text,
    ),
  );
  return h("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}
