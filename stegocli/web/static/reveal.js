// The tab that reveals.

import { $, fill, lead, say, showable } from "./dom.js";
import { Drop } from "./drop.js";
import { recall, remember } from "./memory.js";
import * as net from "./net.js";
import { Work, download, failed, notes } from "./work.js";
import * as words from "./words.js";

export class Reveal {
  constructor() {
    this.result = $("#reveal-result");
    this.drop = new Drop("stego", (file) => this.chosen(file));
    this.work = new Work($("#reveal-work"), (told) => this.ended(told), (id) => remember("reveal-job", id));
    this.restoring = false;
  }

  chosen(file) {
    remember("stego", file?.id);
    if (this.restoring) return;
    this.work.forget();
    this.work.place.hidden = this.result.hidden = true;
    if (file) this.go();
  }

  go(password) {
    this.tried = Boolean(password);
    this.result.hidden = true;
    say("Looking.");
    this.work.start({ kind: "reveal", stego: this.drop.file.id, password });
  }

  ended(told) {
    if (!told) return remember("reveal-job", null);
    if (told.state === "done") return this.done(told);
    if (told.asked && !this.tried) {
      failed(
        this.result,
        "Nothing shows in this picture",
        "Either nothing is hidden in it, or an app saved it anew on its way: ask for the very file. Or it was hidden under a password; then enter that here.",
        false,
      );
    } else {
      failed(this.result, this.tried ? "It does not open" : "It can't be revealed", told.error);
    }
    if (told.asked || this.tried) this.ask();
  }

  ask() {
    const form = document.getElementById("ask").content.cloneNode(true).firstElementChild;
    this.result.append(form);
    showable(form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const word = $("#reveal-password").value;
      if (word) this.go(word);
      else $("#reveal-password").focus();
    });
    if (this.tried) $("#reveal-password").focus();
  }

  async done(job) {
    const told = job.result;
    fill(this.result, "revealed");
    $("h2", this.result).textContent = "Here it is";
    $(".because", this.result).textContent = told.authenticated
      ? "The password opened it: whoever hid it knew it, and nothing was altered since."
      : "It was hidden without a password: anyone can read it, and nothing tells who made it.";
    const named = told.name ? `${told.name}, as it was called when it was hidden` : "The secret";
    $("figcaption", this.result).textContent = `${named}${told.size ? `: ${words.size(told.size)}` : ""}${told.method === "flow" ? "" : `; ${told.summary}`}.`;
    const picture = $(".whole", this.result);
    picture.hidden = !("secret-shown" in job.parts);
    if (told.text) {
      $("pre", this.result).textContent = told.text;
      $("pre", this.result).setAttribute("aria-label", "The text that was hidden");
      $("pre", this.result).hidden = false;
    }
    $(".look", this.result).classList.toggle("bare", picture.hidden && !told.text);
    download($(".download", this.result), job, "secret", told.bytes);
    $(".send", this.result).textContent = "It can be any file: open it as you would open an attachment.";
    notes($(".notes", this.result), told.notes);
    $(".again", this.result).addEventListener("click", () => this.drop.clear(true));
    lead(this.result);
    say("Revealed.");
    if (!picture.hidden) {
      picture.src = await net.held(`/api/jobs/${job.id}/secret-shown`);
      picture.alt = told.name ? `The revealed picture, ${told.name}` : "The revealed picture";
    }
  }

  /** After a reload. */
  async restore() {
    if (!recall("stego")) return;
    this.restoring = true;
    await this.drop.restore(recall("stego"));
    this.restoring = false;
    if (this.drop.file && recall("reveal-job")) await this.work.resume(recall("reveal-job"));
  }
}
