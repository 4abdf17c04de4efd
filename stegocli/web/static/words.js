// Numbers and stages as people read them.

const STAGES = {
  choosing: "Choosing the way",
  coding: "Making the secret small",
  hiding: "Hiding",
  embedding: "Writing it into the cover",
  precompensating: "Making it sturdy",
  checking: "Making sure that it comes back",
  writing: "Writing the file",
  measuring: "Measuring",
  drawing: "Drawing what you will see",
  revealing: "Revealing",
  decoding: "Making it whole again",
  playing: "Sending it through what it must survive",
  searching: "Looking whether it was cropped or turned",
};

export const stage = (name) => STAGES[name] ?? "Starting";

export function bytes(count) {
  if (count < 1000) return count === 1 ? "1 byte" : `${count} bytes`;
  const [unit, share] = count < 1e6 ? ["kB", 1e3] : ["MB", 1e6];
  const value = count / share;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

export const size = (pair) => `${pair[0]} × ${pair[1]}`;

/** What a file is, in one line. */
export const about = (file) => [file.size && size(file.size), bytes(file.bytes)].filter(Boolean).join(", ");

export const decibels = (value) => (value >= 99 ? "the same" : `${value.toFixed(1)} dB`);

export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
