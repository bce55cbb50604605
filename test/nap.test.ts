/** Waiting for a software adapter: sleeps while there is work, when it lasts, and leaves nothing behind. */
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { napUntil } from '../src/engine/nap.ts';

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

describe('waiting with naps', () => {
  const wait = vi.spyOn(Atomics, 'wait');
  beforeEach(() => {
    wait.mockClear();
  });
  afterEach(() => sleep(5));
  afterAll(() => wait.mockRestore());

  it('sleeps once work has taken a while, and lets timers go on', async () => {
    const work = sleep(50);
    napUntil(work, 1);
    await work;
    expect(wait).toHaveBeenCalled();
  });

  it('does not sleep while many launches may follow each other', async () => {
    const work = sleep(50);
    napUntil(work, 100_000);
    await work;
    expect(wait).not.toHaveBeenCalled();
  });

  it('ends with the last of several works, be it a failure', async () => {
    const works = [sleep(20), sleep(40).then(() => Promise.reject(new Error('lost')))];
    for (const work of works) napUntil(work, 0);
    await expect(works[1]).rejects.toThrow('lost');
    await sleep(5);
    wait.mockClear();
    await sleep(20);
    expect(wait).not.toHaveBeenCalled();
  });
});
