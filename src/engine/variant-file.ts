/**
 * The file in the user's cache folder that remembers, between processes, which kernels were the fastest on a device.
 *
 * Writers do not lock: each reads, adds what it knows, writes under a temporary name and renames. The file is always
 * whole; of two that write at once one may lose its additions, which are then measured again.
 */
import { randomBytes } from 'node:crypto';

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from './make-folder.ts';
import type { VariantStore, VariantsByKey } from './run/gpu/variants.ts';
import { cacheFolder } from './user-folders.ts';

/** To be raised, with the file's name, when the file's form or the meaning of its keys changes. */
const format = 1;

/** Variants by key, by device. */
type Content = Record<string, Record<string, string>>;

export class VariantFile implements VariantStore {
  readonly path: string;
  readonly #device: string;
  #known: ReadonlyMap<string, string>;
  #problems = new Set<string>();

  /** @param device its name and its driver's: on another, other kernels may be the fastest. */
  constructor(path: string, device: string) {
    this.path = path;
    this.#device = device;
    this.#known = new Map(Object.entries(this.#read()[device] ?? {}));
  }

  /** How many choices are remembered for the device. */
  get size(): number {
    return this.#known.size;
  }

  recall(key: string): string | undefined {
    return this.#known.get(key);
  }

  remember(measured: VariantsByKey): void {
    this.#known = new Map([...this.#known, ...measured]);
    const devices = this.#read();
    devices[this.#device] = { ...devices[this.#device], ...Object.fromEntries(this.#known) };
    const temporary = `${this.path}.${randomBytes(4).toString('hex')}.tmp`;
    try {
      makeFolder(dirname(this.path));
      writeFileSync(temporary, `${JSON.stringify({ format, devices }, null, 2)}\n`, { flush: true });
      renameSync(temporary, this.path);
    } catch (error) {
      this.#warn(
        `what was measured cannot be kept in ${this.path} (${codeOf(error)}), and is measured again next time.`,
      );
      removeIfThere(temporary);
    }
  }

  /** What the file holds; nothing where there is none, or none of this kind. */
  #read(): Content {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      const missing = ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
      if (!missing)
        this.#warn(`${this.path} cannot be read (${codeOf(error)}), so nothing is remembered from before.`);
      return {};
    }
    const content = parseContent(text);
    if (!content) {
      this.#warn(`${this.path} does not hold measured kernels as it should; it is ignored, and replaced.`);
    }
    return content ?? {};
  }

  /** Says each thing once. */
  #warn(problem: string): void {
    if (!this.#problems.has(problem)) console.warn(`regrad: ${problem}`);
    this.#problems.add(problem);
  }
}

function parseContent(text: string): Content | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(parsed) || parsed.format !== format || !isRecord(parsed.devices)) return undefined;
  const sound = Object.values(parsed.devices).every(
    (variants) => isRecord(variants) && Object.values(variants).every((name) => typeof name === 'string'),
  );
  return sound ? (parsed.devices as Content) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where it could not be written it often cannot be removed either.
  }
}

/** Where the file is for this user. Undefined for a user without a home. */
export function variantFilePath(): string | undefined {
  const folder = cacheFolder();
  return folder && join(folder, 'regrad', `variants-v${format}.json`);
}
