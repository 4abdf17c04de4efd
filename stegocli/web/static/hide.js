// The tab that hides.

import { Compare } from "./compare.js";
import { $, $$, fill, lead, make, say, showable } from "./dom.js";
import { Drop } from "./drop.js";
import { recall, remember } from "./memory.js";
import * as net from "./net.js";
import { Work, download, failed, notes } from "./work.js";
import * as words from "./words.js";

const PRICE = [["looks", "Looks"], ["comes_back", "Comes back"], ["survives", "Survives"], ["who", "Who sees it"]];
const SIZES = { small: "Small: a short note", normal: "Normal", large: "Large: easier to detect" };

export class Hide {
  constructor(about) {
    this.ways = about.ways;
    this.form = $("#hide-form");
    this.result = $("#hide-result");
    this.capacities = {};
    this.wanted = {};
    this.look = null;
    this.cards();
    this.fields(about);
    this.drops = { cover: new Drop("cover", (file) => this.covered(file)), secret: new Drop("secret", () => this.chosen()) };
    this.work = new Work($("#hide-work"), (told) => this.ended(told), (id) => remember("hide-job", id));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    this.update();
  }

  cards() {
    for (const way of this.ways) {
      const card = document.getElementById("card").content.cloneNode(true);
      const radio = $("input", card);
      radio.value = way.key;
      radio.checked = way.key === "auto";
      radio.addEventListener("change", () => this.update());
      $(".title", card).textContent = way.title;
      $(".sentence", card).textContent = way.sentence;
      for (const [key, label] of PRICE) {
        const row = make("span", "", "row");
        row.append(make("span", `${label} `, "label"), make("span", way[key]));
        $(".price", card).append(row);
      }
      $("#cards").append(card);
    }
  }

  fields(about) {
    const survive = $("#survive");
    survive.append(new Option("JPEG of quality 75 and above", "75"), new Option("JPEG of quality 50 and above", "50"));
    survive.append(new Option("JPEG of quality 75, its thumbnail through nearly anything", "75+thumbnail"));
    survive.append(new Option("Nearly anything: a note or a thumbnail", "anything"));
    survive.addEventListener("change", () => this.update());
    for (const service of about.services) {
      const side = service.side ? `, at most ${service.side} pixels a side` : "";
      survive.append(new Option(`${service.name}${side}`, service.name));
    }
    for (const name of about.sizes) $("#size").append(new Option(SIZES[name] ?? name, name));
    $("#size").value = "normal";
    showable(this.form);
    $("#cover-psnr").addEventListener("input", () => {
      this.wanted[this.way.key] = Number($("#cover-psnr").value);
      this.update();
    });
    $("#hide-password").addEventListener("input", () => this.update());
  }

  get way() {
    const key = $("input[name=way]:checked").value;
    return this.ways.find((way) => way.key === key);
  }

  // -- what is chosen

  chosen() {
    for (const role of ["cover", "secret"]) remember(role, this.drops[role].file?.id);
    this.update();
  }

  covered(file) {
    this.capacities = {};
    this.unreadable = false;
    this.look?.abort();
    this.chosen();
    if (file) this.see(file);
  }

  /** Ask what the cover holds; the answers come one by one. */
  async see(file) {
    const look = (this.look = new AbortController());
    const seen = (told) => {
      for (const capacity of told.result?.capacities ?? told.found.capacities ?? []) {
        this.capacities[capacity.method] = capacity;
      }
      this.update();
    };
    try {
      const job = await net.start({ kind: "look", cover: file.id });
      look.signal.addEventListener("abort", () => net.drop("jobs", job.id));
      const told = await net.follow(job.id, seen, look.signal);
      if (!told) return;
      this.look = null;
      net.drop("jobs", job.id);
      const trouble = told.state === "failed" ? told.error : told.result.holds ? "It holds a secret already, which would be lost." : "";
      if (trouble) this.drops.cover.state.append(make("em", trouble));
      this.unreadable = told.state === "failed";
      this.update();
    } catch (error) {
      if (!look.signal.aborted) say(error.message);
    }
  }

  // -- what shows

  update() {
    const secret = this.drops?.secret.file;
    const cover = this.drops?.cover.file;
    for (const card of $$(".card")) {
      const way = this.ways.find((one) => one.key === $("input", card).value);
      const [text, kind] = this.room(way, cover, secret);
      const room = $(".room", card);
      room.textContent = text;
      room.className = `room ${kind}`;
      const impossible = Boolean(secret) && way.pictures_only && !secret.size;
      $("input", card).disabled = impossible;
      if (impossible && $("input", card).checked) $("input[value=auto]").checked = true;
    }
    const way = this.way;
    for (const field of $$("[data-option]")) field.hidden = !way.options.includes(field.dataset.option);
    $("#options").hidden = !way.options.length;
    if (way.cover_psnr) {
      $("#cover-psnr").value = this.wanted[way.key] ?? way.cover_psnr;
      $("#cover-psnr-value").textContent = `at least ${$("#cover-psnr").value} dB`;
    }
    $("#hide-password-need").textContent = way.password_needed ? "needed" : "optional";
    $("#hide-password").required = way.password_needed;
    this.hint(this.missing(way, cover, secret));
  }

  /** What a card says of the room in this cover, and whether that is good, bad or neither. */
  room(way, cover, secret) {
    if (way.pictures_only && secret && !secret.size) return ["For pictures only", ""];
    if (!cover?.size || this.unreadable) return ["", ""];
    if (way.key === "auto") return ["The best choice if you are not sure", "good"];
    if (way.key === "flow") return [`Room here: a picture of ${words.size(cover.size)}`, "good"];
    const anything = way.key === "survive" && $("#survive").value === "anything";
    const held = this.capacities[anything ? "anything" : way.method];
    if (!held) return ["Looking at the cover…", ""];
    if (!held.holds) return ["No room in this cover", "bad"];
    const text = `Room here: about ${words.bytes(held.holds)}`;
    if (way.key === "fit" || !secret) return [text, "good"];
    return secret.bytes <= held.holds || secret.size ? [text, "good"] : [`${text}, and the secret has ${words.bytes(secret.bytes)}`, "bad"];
  }

  missing(way, cover, secret) {
    const files = [!cover && "a cover", !secret && "a secret"].filter(Boolean);
    if (files.length) return `Choose ${files.join(" and ")} first.`;
    if (way.password_needed && !$("#hide-password").value) return "This way needs a password.";
    return "";
  }

  hint(text) {
    $("#hide-hint").textContent = text;
    // It stays in reach of the keyboard, so that the hint beside it is found.
    $("#hide-go").setAttribute("aria-disabled", String(Boolean(text)));
  }

  // -- what happens

  go() {
    const { cover, secret } = this.drops;
    const why = this.missing(this.way, cover.file, secret.file);
    if (why) return say(why);
    const task = { kind: "hide", cover: cover.file.id, secret: secret.file.id, way: this.way.key };
    const values = {
      password: () => $("#hide-password").value,
      cover_psnr: () => Number($("#cover-psnr").value),
      survive: () => $("#survive").value,
      size: () => $("#size").value,
      shrink: () => $("#shrink").checked,
    };
    for (const option of this.way.options) task[option] = values[option]();
    this.later(false);
    this.busy(true);
    say("Hiding.");
    this.work.start(task);
  }

  /** With a result below, saving that comes before hiding anew. */
  later(on) {
    this.result.hidden = !on;
    $("#hide-go").classList.toggle("later", on);
    $("#hide-go").textContent = on ? "Hide again" : "Hide";
  }

  busy(on) {
    this.form.toggleAttribute("inert", on);
    this.form.classList.toggle("asleep", on);
    if (on) this.work.place.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  ended(told) {
    this.busy(false);
    if (!told) {
      remember("hide-job", null);
      return $("#hide-go").focus();
    }
    if (told.state === "failed") return failed(this.result, "It could not be hidden", told.error);
    this.done(told);
  }

  done(job) {
    const told = job.result;
    fill(this.result, "hidden");
    this.later(true);
    $("h2", this.result).textContent = told.below_floor ? "Hidden, with a blemish" : "Hidden";
    const way = this.ways.find((one) => one.method === told.method);
    const because = told.chosen_because ? `${way.title}: ${told.chosen_because}. ` : "";
    $(".because", this.result).textContent = because + (told.method === "flow" ? "" : words.sentence(told.summary));
    const compare = new Compare(this.result, job, {
      cover: `The cover left of the line, the stego right of it: ${words.decibels(told.cover.psnr)} apart.`,
      secret: told.secret && `The secret left of the line, what comes back right of it: ${words.decibels(told.secret.psnr)}.`,
      residual: "What hiding changed, twenty times as strong. Grey is no change.",
    });
    compare.show("cover");
    this.figures(told);
    download($(".download", this.result), job, "stego", told.bytes);
    const survives = {
      anything: "It may be resized, cropped a little and compressed again.",
      "75+thumbnail": "It may be compressed again; when it is resized, the secret's thumbnail comes back.",
    };
    const again = survives[$("#survive").value] ?? "It may be compressed again; resizing destroys the secret.";
    const copies = way.key === "survive" ? again : "Send this very file: what an app saves anew loses the secret.";
    $(".send", this.result).textContent = copies;
    notes($(".notes", this.result), told.notes);
    $(".again", this.result).addEventListener("click", () => this.again());
    lead(this.result);
    say("Hidden. The stego can be saved.");
  }

  figures(told) {
    const rows = [["PSNR", "psnr", words.decibels], ["SSIM", "ssim", (v) => v.toFixed(4)], ["Lowest block", "worst_block", words.decibels]];
    for (const [label, key, shown] of rows) {
      const row = make("tr");
      const head = make("th", label);
      head.scope = "row";
      row.append(head, make("td", shown(told.cover[key])), make("td", told.secret ? shown(told.secret[key]) : "every byte"));
      $("tbody", this.result).append(row);
    }
  }

  again() {
    this.work.forget();
    remember("hide-job", null);
    this.later(false);
    $("#hide-password").value = "";
    this.drops.secret.clear(true);
    this.update();
  }

  /** After a reload. */
  async restore() {
    await Promise.all(["cover", "secret"].map((role) => recall(role) && this.drops[role].restore(recall(role))));
    const job = recall("hide-job");
    if (!job) return;
    this.busy(true);
    await this.work.resume(job);
    this.busy(false);
  }
}
