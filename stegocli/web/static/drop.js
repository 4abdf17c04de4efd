// A zone for one file: dropped, pasted or chosen, sent at once, shown with its picture.

import { $, make, say } from "./dom.js";
import * as net from "./net.js";
import * as words from "./words.js";

// A file that misses its zone must not take the place of the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

export class Drop {
  /** `changed` is called with what the server says of the file, or with null. */
  constructor(role, changed) {
    this.role = role;
    this.file = null;
    this.changed = changed;
    this.box = $(`[data-drop="${role}"]`);
    this.zone = $(".zone", this.box);
    this.input = $("input", this.box);
    this.state = make("p", "", "state");
    this.state.id = `${role}-state`;
    this.remove = make("button", "Remove", "quiet remove");
    this.remove.type = "button";
    this.remove.setAttribute("aria-label", `Remove the ${role}`);
    this.remove.hidden = true;
    this.box.append(this.state, this.remove);
    this.turn = 0;
    this.input.addEventListener("change", () => this.take(this.input.files[0]));
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      // It would send the form.
      event.preventDefault();
      this.input.click();
    });
    this.remove.addEventListener("click", () => this.clear(true));
    this.depth = 0;
    this.box.addEventListener("dragenter", () => this.over(1));
    this.box.addEventListener("dragleave", () => this.over(-1));
    this.box.addEventListener("drop", (event) => {
      this.over(-this.depth);
      this.take(event.dataTransfer.files[0]);
    });
  }

  over(step) {
    this.depth += step;
    this.box.classList.toggle("over", this.depth > 0);
  }

  async take(file) {
    if (!file) return;
    this.clear();
    const turn = this.turn;
    this.box.classList.add("busy");
    this.state.textContent = `Reading ${file.name}`;
    try {
      const told = await net.send(file);
      if (turn !== this.turn) return void net.drop("files", told.id);
      this.show(told, URL.createObjectURL(file));
    } catch (error) {
      if (turn !== this.turn) return;
      this.fail(error.message);
    }
  }

  /** The file that was here before a reload. */
  async restore(id) {
    const turn = this.turn;
    try {
      const told = await net.sent(id);
      const shown = told.size ? await net.held(`/api/files/${id}/content`) : "";
      if (turn === this.turn) this.show(told, shown);
    } catch {
      // It is gone, and the zone as empty as it looks.
    }
  }

  show(told, address) {
    this.file = told;
    this.box.classList.remove("busy");
    this.box.classList.add("full");
    this.remove.hidden = false;
    this.state.replaceChildren(make("b", told.name), make("span", words.about(told)));
    const mark = () => this.zone.append(make("span", told.name.split(".").pop().slice(0, 5).toUpperCase(), "kind"));
    if (told.size && address) {
      const picture = make("img");
      picture.alt = `The ${this.role}`;
      // What the browser can't show is a picture all the same.
      picture.onerror = () => {
        picture.remove();
        mark();
      };
      picture.src = address;
      this.address = address;
      this.zone.append(picture);
    } else {
      mark();
    }
    say(`${told.name}: ${words.about(told)}`);
    this.changed(told);
  }

  fail(why) {
    this.box.classList.remove("busy");
    this.box.classList.add("wrong");
    this.state.textContent = why;
    say(why);
  }

  clear(byHand = false) {
    this.turn++;
    if (this.file) net.drop("files", this.file.id);
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = null;
    this.box.classList.remove("busy", "full", "wrong");
    for (const extra of this.zone.querySelectorAll("img, .kind")) extra.remove();
    this.state.replaceChildren();
    this.remove.hidden = true;
    if (byHand) {
      this.input.value = "";
      this.input.focus();
    }
    if (this.file) {
      this.file = null;
      this.changed(null);
    }
  }
}
