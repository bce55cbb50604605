/** One library in a process of its own, told what to do by messages: `node child.mjs LIBRARY ADAPTER`. */
import { parseAdapterChoice, requestNodeAdapter, requestNodeDevice } from '../../src/engine/node.ts';
import { setDevice } from '../../src/index.ts';
import { type Answer, answerOf } from './answer.ts';
import { findCase } from './cases.ts';
import type { Library, Prepared } from './library.ts';
import type { Reply, Request } from './process.ts';

const [name, choiceText] = process.argv.slice(2);
const library = await load(name);
let prepared: Prepared | undefined;

process.on('message', async (request: Request) => {
  let reply: Reply;
  try {
    reply = await handle(request);
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(reply);
});
process.on('disconnect', () => process.exit());
process.send?.({ version: library.version } satisfies Reply);

async function load(name: string): Promise<Library> {
  const choice = parseAdapterChoice(choiceText, '--adapter');
  if (name === 'regrad') {
    setDevice((await requestNodeDevice(choice)).device);
    return (await import('./regrad.ts')).regrad;
  }
  // The peers look for WebGPU where a browser has it; this one gives them the adapter that regrad takes.
  const gpu = {
    requestAdapter: async () => (await requestNodeAdapter(choice)).adapter ?? null,
    getPreferredCanvasFormat: () => 'bgra8unorm',
  };
  const navigator = { gpu, userAgent: 'Node', hardwareConcurrency: 1 };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  return name === 'tfjs' ? (await import('./tfjs.ts')).tfjs : (await import('./jax.ts')).jax;
}

async function handle(request: Request): Promise<Reply> {
  if (request.type === 'prepare') {
    const use = findCase(request.name);
    prepared = await library.prepare(use);
    const start = performance.now();
    const read = await prepared.call();
    const first = performance.now() - start;
    const answer: Answer = await answerOf(use, prepared, read);
    return { first, answer, remark: prepared.remark?.() };
  }
  if (request.type === 'release') {
    prepared?.dispose();
    prepared = undefined;
    return {};
  }
  if (!prepared) throw new Error('A sample was asked for, but no case is prepared.');
  const times: number[] = [];
  for (let i = 0; i < request.count; i++) {
    const start = performance.now();
    await prepared.call();
    times.push(performance.now() - start);
  }
  return { times };
}
