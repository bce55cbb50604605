/** The engine in a page: a step that penalises a gradient, on WebGPU in headless Chromium, against the reference. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import chromium, { inflate } from '@sparticuz/chromium';
import { build } from 'esbuild';
import { type Browser, chromium as playwright } from 'playwright-core';
import { expect, test } from 'vitest';
import { penaltyStep, referenceValues, relativeError } from '../src/cli/self-check.ts';

/** Imports what a page's author would import, and sets nothing up: finding the GPU is the engine's part. */
const pageSource = `
  import { currentDevice } from './src/index.ts';
  import { penaltyStep } from './src/cli/self-check.ts';
  export async function step() {
    const { kind, name } = await currentDevice();
    const values = [];
    for (const tensor of penaltyStep()) values.push([...(await tensor.data())]);
    return { kind, name, values };
  }`;

const flags = [
  // Headless Chromium offers no adapter without this one.
  '--enable-unsafe-webgpu',
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

test('a page gets the gradients of a gradient penalty that the reference gets', async () => {
  const { result, messages } = await callInPage<{ kind: string; name: string; values: number[][] }>('step');
  expect(result, messages.join('\n')).toMatchObject({ kind: 'gpu' });
  expect(messages, 'messages in the console').toEqual([]);
  const expected = referenceValues(penaltyStep());
  expect(result.values.length).toBe(expected.length);
  const errors = expected.map((values, i) => relativeError(result.values[i], values));
  expect(Math.max(...errors), `errors by tensor: ${errors}`).toBeLessThanOrEqual(1e-4);
});

/** Calls an export of `pageSource` in a page, and removes browser, server and files whatever happens. */
async function callInPage<T>(name: string): Promise<{ result: T; messages: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'regrad-browser-'));
  const messages: string[] = [];
  let server: Server | undefined;
  let browser: Browser | undefined;
  try {
    server = await servePage(await bundlePage());
    browser = await startChromium(folder);
    const page = await browser.newPage();
    page.on('console', (message) => messages.push(message.text()));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const result = await page.evaluate<T>(`import('/page.js').then((page) => page.${name}())`);
    return { result, messages };
  } finally {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function bundlePage(): Promise<string> {
  const stdin = { contents: pageSource, resolveDir: fileURLToPath(new URL('..', import.meta.url)) };
  const options = { bundle: true, format: 'esm', platform: 'browser', write: false } as const;
  const { outputFiles } = await build({ stdin, ...options });
  return outputFiles[0].text;
}

/** Localhost counts as secure, without which a page has no WebGPU. */
function servePage(script: string): Promise<Server> {
  const files: Record<string, [type: string, content: string]> = {
    '/': ['text/html', '<!doctype html><title>regrad</title><link rel="icon" href="data:,">'],
    '/page.js': ['text/javascript', script],
  };
  const server = createServer((request, response) => {
    const file = files[request.url ?? ''];
    if (!file) return response.writeHead(404).end();
    const [type, content] = file;
    return response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(content);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

/** Starts the packaged Chromium, or REGRAD_CHROMIUM, which keeps its files in `folder`. */
async function startChromium(folder: string): Promise<Browser> {
  try {
    const executablePath = process.env.REGRAD_CHROMIUM || (await unpackChromium(folder));
    const env = {
      ...process.env,
      HOME: folder,
      TMPDIR: folder,
      FONTCONFIG_PATH: join(folder, 'fonts'),
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
    };
    return await playwright.launch({ executablePath, headless: true, args: flags, env });
  } catch (error) {
    throw new Error(
      'Chromium did not start, so nothing is known of pages. The packaged one is for Linux on x64 and takes 300 MB of ' +
        `the temporary folder; elsewhere, set REGRAD_CHROMIUM to the path of a Chromium or Chrome. ${error}`,
    );
  }
}

/**
 * Unpacks the packaged Chromium into `folder`, with the libraries and fonts that a bare machine lacks. Not into the
 * common temporary folder, as the package would: what lies there may be another user's, or half written.
 */
async function unpackChromium(folder: string): Promise<string> {
  const archives = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '..', 'bin');
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    mkdirSync(join(folder, 'al2023'));
    await inflate(join(archives, 'al2023.tar.br'));
    return await chromium.executablePath();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}
