// The page: its tabs, and what is shown when the server can't be used.

import { $, $$ } from "./dom.js";
import { Hide } from "./hide.js";
import { recall, remember } from "./memory.js";
import * as net from "./net.js";
import { Reveal } from "./reveal.js";

function open(name, focus = false) {
  for (const tab of $$("[role=tab]")) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
    if (chosen && focus) tab.focus();
  }
  document.title = name === "hide" ? "Hide · stego" : "Reveal · stego";
  remember("tab", name);
}

function tabs() {
  const all = $$("[role=tab]");
  for (const [i, tab] of all.entries()) {
    tab.addEventListener("click", () => open(tab.getAttribute("aria-controls")));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) open(all[(i + step + all.length) % all.length].getAttribute("aria-controls"), true);
    });
  }
}

function close(error) {
  for (const part of $$("[role=tabpanel], .tabs")) part.hidden = true;
  $("#closed").hidden = false;
  const gone = error.status === 0;
  $("#closed-title").textContent = gone ? "stego serve has ended" : "This page is locked";
  $("#closed-why").textContent = gone
    ? "Start it again, and open the address that it prints."
    : `${error.message} Open it from there: each address opens one browser.`;
}

addEventListener("unhandledrejection", (event) => {
  if ([0, 401].includes(event.reason?.status)) close(event.reason);
});

try {
  const about = await net.enter();
  $("#version").textContent = `stego ${about.version}`;
  tabs();
  const [hide, reveal] = [new Hide(about), new Reveal()];
  open(recall("tab") ?? "hide");
  hide.restore();
  reveal.restore();
} catch (error) {
  close(error);
}
document.documentElement.dataset.ready = "";
