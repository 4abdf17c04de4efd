// A job as the page shows it: its progress, its end, and what failed.

import { $, fill, lead, make, say } from "./dom.js";
import * as net from "./net.js";
import * as words from "./words.js";

export class Work {
  /** `place` shows the progress; `ended` is called with the job's last state, or with null when it was stopped. */
  constructor(place, ended, began) {
    this.place = place;
    this.ended = ended;
    this.began = began;
    this.id = null;
    this.watch = new AbortController();
  }

  /** Start a task; what this tab made before is dropped. */
  async start(task) {
    this.forget();
    const watch = this.watch;
    this.open();
    try {
      const job = await net.start(task);
      if (watch.signal.aborted) return void net.drop("jobs", job.id);
      this.id = job.id;
      this.began(job.id);
      await this.follow();
    } catch (error) {
      if (!watch.signal.aborted) this.over({ state: "failed", error: error.message });
    }
  }

  /** Go on with a job that was there before a reload. */
  async resume(id) {
    this.id = id;
    this.open();
    try {
      await this.follow();
    } catch {
      this.place.hidden = true;
    }
  }

  open() {
    fill(this.place, "progress");
    $("button", this.place).addEventListener("click", () => {
      this.forget();
      this.place.hidden = true;
      say("Stopped.");
      this.ended(null);
    });
    this.show({ state: "waiting", ahead: 0 });
  }

  async follow() {
    const told = await net.follow(this.id, (state) => this.show(state), this.watch.signal);
    if (told) this.over(told);
  }

  show(told) {
    const line = $(".stage", this.place);
    const bar = $("progress", this.place);
    if (!line) return;
    const ahead = told.ahead === 1 ? "One job is ahead" : `${told.ahead} jobs are ahead`;
    line.textContent = told.state === "waiting" && told.ahead ? ahead : words.stage(told.stage);
    if (told.share > 0) bar.value = told.share;
    else bar.removeAttribute("value");
  }

  over(told) {
    this.place.hidden = true;
    this.place.replaceChildren();
    this.ended(told);
  }

  /** Stop it if it runs, and forget what it made. */
  forget() {
    this.watch.abort();
    this.watch = new AbortController();
    if (this.id) net.drop("jobs", this.id);
    this.id = null;
  }
}

/** Say in a calm box what went wrong; or, where nothing did, that there is nothing. */
export function failed(place, title, why, wrong = true) {
  fill(place, "failed");
  $(".message", place).classList.toggle("failed", wrong);
  $("h2", place).textContent = title;
  $(".why", place).textContent = why;
  lead(place);
  say(`${title}. ${why}`);
}

export function notes(list, all) {
  list.replaceChildren(...all.map((note) => make("li", note)));
  list.hidden = !all.length;
}

/** A link that saves one of a job's files. */
export async function download(link, job, part, count) {
  const name = job.parts[part];
  link.replaceChildren(make("span", "Save"), make("small", `${name}, ${words.bytes(count)}`));
  link.download = name;
  link.href = await net.held(`/api/jobs/${job.id}/${part}`);
}
