// Two pictures under one slider, or their difference: by pointer, touch and arrow keys alike.

import { $, $$, make } from "./dom.js";
import * as net from "./net.js";

const PAIRS = {
  cover: { label: "Cover and stego", names: ["Cover", "Stego"], parts: ["cover-shown", "stego-shown"] },
  secret: { label: "Secret and revealed", names: ["Secret", "Revealed"], parts: ["secret-shown", "revealed-shown"] },
};

export class Compare {
  /** `within` holds the template's parts; `captions` what to say of each pair and of the residual. */
  constructor(within, job, captions) {
    this.within = within;
    this.job = job;
    this.captions = captions;
    this.box = $(".compare", within);
    this.range = $("input", this.box);
    this.residual = $(".residual", within);
    this.switch = $(".switch", within);
    this.range.addEventListener("input", () => this.move());
    this.switch.addEventListener("click", () => this.turn());
    this.choice();
  }

  choice() {
    const group = $(".choice", this.within);
    const pairs = Object.keys(PAIRS).filter((pair) => PAIRS[pair].parts.every((part) => part in this.job.parts));
    for (const pair of pairs) {
      const button = make("button", PAIRS[pair].label);
      button.type = "button";
      button.dataset.pair = pair;
      button.addEventListener("click", () => this.show(pair));
      group.append(button);
    }
    group.hidden = pairs.length < 2;
  }

  part(name) {
    return net.held(`/api/jobs/${this.job.id}/${name}`);
  }

  async show(pair) {
    this.pair = pair;
    const { names, parts } = PAIRS[pair];
    for (const button of $$(".choice button", this.within)) {
      button.setAttribute("aria-pressed", String(button.dataset.pair === pair));
    }
    const [left, right] = await Promise.all(parts.map((part) => this.part(part)));
    if (this.pair !== pair) return;
    const pictures = $$("img", this.box);
    [left, right].forEach((address, i) => {
      pictures[i].src = address;
      pictures[i].alt = names[i];
    });
    $(".start", this.box).textContent = names[0];
    $(".end", this.box).textContent = names[1];
    this.range.setAttribute("aria-label", `Where ${names[0].toLowerCase()} ends and ${names[1].toLowerCase()} begins`);
    this.switch.hidden = pair !== "cover" || !("residual-shown" in this.job.parts);
    this.turn(false);
    this.move();
  }

  move() {
    const at = Number(this.range.value);
    this.box.style.setProperty("--at", `${at}%`);
    this.range.setAttribute("aria-valuetext", `${at} % ${PAIRS[this.pair].names[0].toLowerCase()}`);
  }

  async turn(on = this.residual.hidden) {
    this.switch.setAttribute("aria-pressed", String(on));
    if (on && !this.residual.src) {
      this.residual.alt = "The difference of cover and stego, twenty times as strong; grey is no change";
      this.residual.src = await this.part("residual-shown");
    }
    this.residual.hidden = !on;
    this.box.hidden = on;
    $("figcaption", this.within).textContent = this.captions[on ? "residual" : this.pair];
  }
}
