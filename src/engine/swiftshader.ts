/**
 * A GPU for a machine without one: SwiftShader, a Vulkan driver that computes on the CPU, taken from the
 * `@sparticuz/chromium` package and opened inside this process. It needs neither root nor a restart.
 * Linux on x64 only, as the package.
 */
import { existsSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join, sep } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { makeFolder } from './make-folder.ts';
import { loaderFile, openLibrary } from './vulkan-drivers.ts';

const driverFile = 'vk_swiftshader_icd.json';

/** What is needed of the archive: the Vulkan loader, the driver, and the file that tells the loader of the driver. */
export const swiftShaderFiles = [loaderFile, 'libvk_swiftshader.so', driverFile];

/**
 * Unpacks the packaged SwiftShader and opens its Vulkan loader.
 * @returns the path that `VK_DRIVER_FILES` must name while an adapter is requested.
 * @throws Error, one sentence: another platform, the package missing, or no folder to unpack into.
 */
export function openSwiftShader(): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const here = `${process.platform}-${process.arch}`;
    throw new Error(
      `The packaged SwiftShader is for linux-x64, this is ${here}: install a driver of the system.`,
    );
  }
  const archive = archivePath();
  const folder = unpackSwiftShader(archive, cacheFolders(archive));
  if (!openLibrary(join(folder, loaderFile))) {
    throw new Error(
      `The packaged Vulkan loader in ${folder} cannot be opened: is the folder mounted noexec?`,
    );
  }
  return join(folder, driverFile);
}

function archivePath(): string {
  try {
    const require = createRequire(import.meta.url);
    const entry = require.resolve('@sparticuz/chromium');
    // The module is some folders below build/, as many as the package's version likes; bin/ is beside build/.
    return join(entry.slice(0, entry.lastIndexOf(join(sep, 'build', sep))), 'bin', 'swiftshader.tar.br');
  } catch {
    throw new Error(
      'The package @sparticuz/chromium is not installed: run `npm install @sparticuz/chromium`.',
    );
  }
}

/** In the node_modules that holds the archive; else in the temporary folder, one folder for each user. */
function cacheFolders(archive: string): string[] {
  const modules = archive.slice(0, archive.lastIndexOf(join(sep, '@sparticuz', sep)));
  return [join(modules, '.cache', 'regrad'), join(tmpdir(), `regrad-${process.getuid?.()}`)];
}

/**
 * Brings `swiftShaderFiles` out of the archive into the first of `folders` where that is possible.
 * A file that already lies there is kept if it is the archive's to the byte, and replaced if not. Any number of
 * processes may do so at once: each writes under a name of its own and renames.
 * @returns that folder.
 * @throws Error, one sentence: the archive is unreadable, or no folder can be written.
 */
export function unpackSwiftShader(archive: string, folders: readonly string[]): string {
  const files = readArchive(archive);
  const failures: string[] = [];
  for (const folder of folders) {
    try {
      claimFolder(folder);
      for (const [name, bytes] of files) putFile(join(folder, name), bytes);
      return folder;
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new Error(
    `SwiftShader cannot be unpacked anywhere (${failures.join('; ')}): make one of them writable.`,
  );
}

function readArchive(archive: string): [name: string, bytes: Buffer][] {
  try {
    // It holds 7 MB.
    const tar = brotliDecompressSync(readFileSync(archive), { maxOutputLength: 2 ** 26 });
    const entries = readTar(tar);
    return swiftShaderFiles.map((name) => {
      const bytes = entries.get(name);
      if (bytes === undefined) throw new Error(`it does not hold ${name}`);
      return [name, bytes];
    });
  } catch (error) {
    throw new Error(
      `${archive} cannot be used (${messageOf(error)}): install the package @sparticuz/chromium anew.`,
    );
  }
}

/** Files of a ustar archive: headers of 512 bytes, the name at 0, the octal size at 124; contents padded to 512. */
function readTar(tar: Buffer): Map<string, Buffer> {
  const text = (start: number, end: number) => tar.toString('latin1', start, end).replace(/\0.*/s, '');
  const entries = new Map<string, Buffer>();
  for (let at = 0; at < tar.length && tar[at] !== 0; ) {
    const start = at + 512;
    const size = Number.parseInt(text(at + 124, at + 136), 8);
    if (!(start + size <= tar.length)) throw new Error('the archive is cut off');
    entries.set(basename(text(at, at + 100)), tar.subarray(start, start + size));
    at = start + Math.ceil(size / 512) * 512;
  }
  return entries;
}

/** Code will be loaded from the folder: nobody else may own it (the temporary folder is open to all). */
function claimFolder(folder: string): void {
  makeFolder(folder, 0o755);
  const { uid } = lstatSync(folder);
  if (uid !== 0 && uid !== process.getuid?.()) throw new Error(`${folder} belongs to another user`);
}

function putFile(path: string, bytes: Buffer): void {
  if (existsSync(path) && readFileSync(path).equals(bytes)) return;
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, bytes);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
