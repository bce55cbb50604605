/** One line of a display that is redrawn: never wider than the terminal, or each redrawing would leave a line behind. */

export interface BarLine {
  /** Before the bar; may be empty. */
  readonly label: string;
  /** Behind it; what is last is the first to be cut. */
  readonly text: string;
  /** Of the bar, from 0 to 1. */
  readonly share: number;
  /** Of the terminal. */
  readonly columns: number;
  readonly colored: boolean;
}

const widest = 24;
const narrowest = 4;
const [colorOn, colorOff] = ['\u001b[36m', '\u001b[39m'];

/** The bar takes the room that the words leave, and goes, after its colour, where they leave none. */
export function barLine({ label, text, share, columns, colored }: BarLine): string {
  const room = columns - 1;
  const before = label === '' ? '' : `${label} `;
  const left = room - before.length - text.length - 1;
  if (left < narrowest) {
    const words = before + text;
    return words.length > room ? `${words.slice(0, room - 1)}…` : words;
  }
  // cli-progress cuts by characters, those of the colour too.
  const escapes = colorOn.length + colorOff.length;
  const withColor = colored && left - escapes >= 2 * narrowest;
  const size = Math.min(widest, withColor ? left - escapes : left);
  const filled = Math.round(Math.min(1, Math.max(0, share)) * size);
  const bar = '█'.repeat(filled) + '░'.repeat(size - filled);
  return `${before}${withColor ? colorOn + bar + colorOff : bar} ${text}`;
}
