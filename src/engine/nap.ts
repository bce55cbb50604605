/**
 * Waiting for a software adapter. Dawn in Node asks the driver at every turn of the event loop whether work is done, and so
 * takes a core from the driver, which computes on the same ones. Where waiting lasts, each turn sleeps a little instead
 * (docs/decisions/0021). Whatever else the process does goes on between the sleeps.
 */

/** Milliseconds from handing work over to the first sleep: at least, and for each launch in it. */
const patience = 5;
const patiencePerLaunch = 0.1;

/** Milliseconds of a sleep. */
const nap = 0.2;

const never = new Int32Array(new SharedArrayBuffer(4));
let pending = 0;
let begin = 0;
let turning = false;

/**
 * Sleeps between turns of the event loop until `work`, which is that many launches, is settled. Not before it is late for
 * small launches: these follow each other faster while a core is kept awake.
 */
export function napUntil(work: Promise<unknown>, launches: number): void {
  const settled = () => {
    pending--;
  };
  work.then(settled, settled);
  pending++;
  const own = performance.now() + patience + patiencePerLaunch * launches;
  begin = turning ? Math.max(begin, own) : own;
  if (!turning) setImmediate(turn);
  turning = true;
}

function turn(): void {
  turning = pending > 0;
  if (!turning) return;
  if (performance.now() > begin) Atomics.wait(never, 0, 0, nap);
  setImmediate(turn);
}
