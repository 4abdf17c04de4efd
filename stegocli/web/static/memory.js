// What a reload must not lose: which files and jobs are this tab's. No password is among it.

const NAME = "stego-page";

function all() {
  try {
    return JSON.parse(sessionStorage.getItem(NAME)) ?? {};
  } catch {
    return {};
  }
}

export const recall = (what) => all()[what];

export function remember(what, value) {
  sessionStorage.setItem(NAME, JSON.stringify({ ...all(), [what]: value }));
}
