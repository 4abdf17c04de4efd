// Talks to the server. The key stays with this tab; other tabs of the browser find it where all of them look.

const KEY = "stego-key";
let key = sessionStorage.getItem(KEY);

export class Failed extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { Authorization: `Bearer ${key}`, ...options.headers } });
  } catch {
    throw new Failed("The server does not answer.", 0);
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Failed(told.error ?? `The server answers with ${answer.status}.`, answer.status);
  }
  return answer;
}

const json = async (path, options) => (await ask(path, options)).json();
const post = (path, body, headers) => json(path, { method: "POST", body, headers });

/** What the page shows at first; asked for with the first key that opens it. */
export async function enter() {
  const code = location.hash.slice(1);
  // It opens the page once, and has no business in the history.
  if (code) history.replaceState(null, "", location.pathname);
  const ways = [() => key, () => code && exchange(code), () => localStorage.getItem(KEY)];
  let error = new Failed("The page needs the address that stego serve printed.", 401);
  for (const way of ways) {
    try {
      const found = await way();
      if (!found) continue;
      key = found;
      const about = await json("/api/about");
      sessionStorage.setItem(KEY, key);
      localStorage.setItem(KEY, key);
      return about;
    } catch (failed) {
      if (failed.status !== 401) throw failed;
      error = failed;
    }
  }
  throw error;
}

async function exchange(code) {
  return (await post("/api/session", JSON.stringify({ code }))).key;
}

export const send = (file) => post("/api/files", file, { "X-Name": encodeURIComponent(file.name) });
export const sent = (id) => json(`/api/files/${id}`);
export const start = (task) => post("/api/jobs", JSON.stringify(task));
export const state = (id) => json(`/api/jobs/${id}`);

/** Forget a file or a job; it does not matter if it is gone already. */
export const drop = (kind, id) => ask(`/api/${kind}/${id}`, { method: "DELETE" }).catch(() => {});

/** An address in the browser's memory for what only this page may fetch. */
export async function held(path) {
  return URL.createObjectURL(await (await ask(path)).blob());
}

const PAUSES = [60, 120, 250, 400];

/** Follow a job to its end. `seen` gets every state of it; `signal` ends the watching, not the job. */
export async function follow(id, seen, signal) {
  for (let turn = 0; ; turn++) {
    const told = await state(id);
    if (signal.aborted) return null;
    seen(told);
    if (told.state === "done" || told.state === "failed") return told;
    await new Promise((go) => setTimeout(go, PAUSES[Math.min(turn, PAUSES.length - 1)]));
    if (signal.aborted) return null;
  }
}
