// Small pictures on buttons; what they mean is said in words beside them.

const SPACE = "http://www.w3.org/2000/svg";

const PATHS = {
  refresh: ["M13.2 6.2A5.5 5.5 0 1 0 13.5 9", "M13.6 2.6v3.8H9.8"],
  theme: ["M8 2.5a5.5 5.5 0 1 0 0 11z", "M8 2.5a5.5 5.5 0 1 1 0 11"],
  key: ["M9.7 9.3a3.3 3.3 0 1 0-3-3L2.5 10.5v3h3v-1.8h1.8V10z", "M10.6 5.4v0"],
};

export function icon(name) {
  const drawing = document.createElementNS(SPACE, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("class", `drawing ${name}`);
  for (const data of PATHS[name]) {
    const path = document.createElementNS(SPACE, "path");
    path.setAttribute("d", data);
    drawing.append(path);
  }
  return drawing;
}
