/** The engine in a page: a step that penalises a gradient, on WebGPU in headless Chromium, against the reference. */
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createBrotliDecompress } from 'node:zlib';
import chromium from '@sparticuz/chromium';
import { build } from 'esbuild';
import { unpackTar } from 'modern-tar/fs';
import { type Browser, chromium as playwright } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { penaltyStep, referenceValues, relativeError } from '../src/cli/self-check.ts';

/** Imports what a page's author would import, and sets nothing up: finding the GPU is the engine's part. */
const pageSource = `
  import { currentDevice, requestBrowserDevice, setDevice } from './src/index.ts';
  import { penaltyStep } from './src/cli/self-check.ts';
  export async function step() {
    const { kind } = await currentDevice();
    const values = [];
    for (const tensor of penaltyStep()) values.push([...(await tensor.data())]);
    return { kind, values };
  }
  export async function stepOnAnother() {
    (await currentDevice()).destroy();
    const failure = await step().then(() => 'none', ({ message }) => message);
    setDevice(await requestBrowserDevice());
    return { failure, ...(await step()) };
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
  const { port, close } = await servePage(await bundlePage());
  onTestFinished(close);
  const page = await (await startChromium()).newPage();
  const messages: string[] = [];
  page.on('console', (message) => messages.push(message.text()));
  await page.goto(`http://127.0.0.1:${port}/`);
  const found = await page.evaluate<{ kind: string; values: number[][] }>(
    "import('/page.js').then(({ step }) => step())",
  );
  const replaced = await page.evaluate<{ failure: string; values: number[][] }>(
    "import('/page.js').then(({ stepOnAnother }) => stepOnAnother())",
  );

  expect(found.kind, messages.join('\n')).toBe('gpu');
  expect(messages, 'messages in the console').toEqual([]);
  const expected = referenceValues(penaltyStep());
  expect(found.values.length).toBe(expected.length);
  expect(replaced.failure).toMatch(/^The GPU device is lost .*requestBrowserDevice in a page/);
  expect(replaced.values, 'on a device that replaces a lost one').toEqual(found.values);
  const errors = expected.map((values, i) => relativeError(found.values[i], values));
  expect(Math.max(...errors), `errors by tensor: ${errors}`).toBeLessThanOrEqual(1e-4);
});

async function bundlePage(): Promise<string> {
  const stdin = { contents: pageSource, resolveDir: fileURLToPath(new URL('..', import.meta.url)) };
  const options = { bundle: true, format: 'esm', platform: 'browser', write: false } as const;
  const { outputFiles } = await build({ stdin, ...options });
  return outputFiles[0].text;
}

/** Localhost counts as secure, without which a page has no WebGPU. */
function servePage(script: string): Promise<{ port: number; close: () => void }> {
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
    server.listen(0, '127.0.0.1', () => {
      resolve({ port: (server.address() as AddressInfo).port, close: () => server.close() });
    });
  });
}

/** Starts the packaged Chromium, or REGRAD_CHROMIUM; after the test, closes it and removes all its files. */
async function startChromium(): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'regrad-browser-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  try {
    const executablePath = process.env.REGRAD_CHROMIUM || (await unpackChromium(folder));
    const env = {
      ...process.env,
      HOME: folder,
      TMPDIR: folder,
      FONTCONFIG_PATH: join(folder, 'fonts'),
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
    };
    const browser = await playwright.launch({ executablePath, headless: true, args: flags, env });
    onTestFinished(() => browser.close());
    return browser;
  } catch (error) {
    throw new Error(
      'Chromium did not start, so nothing is known of pages. The packaged one is for Linux on x64 and takes 300 MB of ' +
        'the temporary folder; elsewhere, set REGRAD_CHROMIUM to the path of a Chromium or Chrome.',
      { cause: error },
    );
  }
}

/**
 * Unpacks the packaged Chromium into `folder`, with the libraries and fonts that a bare machine lacks. Not into the
 * common temporary folder, as the package would: what lies there may be another user's, or half written.
 */
async function unpackChromium(folder: string): Promise<string> {
  const libraries = resolve('node_modules/@sparticuz/chromium/bin/al2023.tar.br');
  await pipeline(createReadStream(libraries), createBrotliDecompress(), unpackTar(join(folder, 'al2023')));
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    return await chromium.executablePath();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}
