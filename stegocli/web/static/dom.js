// Small helpers. Text from outside goes in as text, never as markup: the server's policy allows nothing else.

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

export function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (name) element.className = name;
  return element;
}

/** A template's content, in place of what an element holds. */
export function fill(element, template) {
  element.replaceChildren(document.getElementById(template).content.cloneNode(true));
  element.hidden = false;
  return element;
}

/** Let screen readers say it, wherever they are. */
export function say(text) {
  $("#status").textContent = text;
}

/** Lead everyone to a result: who looks by its place on the screen, who listens by the focus. */
export function lead(result) {
  $("h2", result).focus({ preventScroll: true });
  result.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

/** The buttons that show a password. */
export function showable(within) {
  for (const button of $$("[data-show]", within)) {
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.show);
      const shown = field.type === "password";
      field.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.setAttribute("aria-pressed", String(shown));
    });
  }
}
