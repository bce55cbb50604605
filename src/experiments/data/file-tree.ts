/** The files of a data set under their official names, wherever they lie: in a folder, a tar archive or a zip archive. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import yauzl from 'yauzl';
import { readBytes, readProblem } from '../files.ts';
import { allowedBytes, UnpacksToTooMuch, unpackedLimit } from '../unpacking.ts';
import { listFolder } from './locate.ts';

export interface FileTree {
  /** The folder or the archive, for errors. */
  readonly origin: string;
  /** The names in one of its folders ('' is its root), sorted. Throws a sentence if there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** A file's bytes. `what` says in an error what they are for. */
  read(path: string, what: string): Promise<Uint8Array>;
  /** A text that changes when the file's content does, as far as can be told without reading it. */
  stamp(path: string): Promise<string>;
  /** A file's full name, for errors. */
  label(path: string): string;
  /** Lets go of an archive. The tree cannot be read afterwards. */
  close(): void;
}

/** How a set is distributed: an archive that unpacks to one folder. */
interface Layout {
  readonly folder: string;
  readonly archive: string;
}

/**
 * Runs `work` on the files at `path`, which is the official folder, a folder that holds it, a folder that holds the
 * official archive, or an archive (.tar, .tar.gz, .zip). Names in the tree begin below the official folder.
 */
export async function withTree<T>(
  path: string,
  what: string,
  { folder, archive }: Layout,
  work: (tree: FileTree) => Promise<T>,
): Promise<T> {
  const isArchive = /\.(tar|tar\.gz|zip)$/.test(path) && (await stat(path).catch(() => null))?.isFile();
  const present = isArchive ? [] : await listFolder(path, what);
  let tree: FileTree;
  if (present.includes(folder)) {
    tree = folderTree(join(path, folder), what);
  } else if (isArchive || present.includes(archive)) {
    tree = await archiveTree(isArchive ? path : join(path, archive), what, folder);
  } else {
    tree = folderTree(path, what);
  }
  try {
    return await work(tree);
  } finally {
    tree.close();
  }
}

/** `names` that are not in the tree's root become one sentence naming them all. */
export async function requireFiles(tree: FileTree, names: readonly string[], what: string): Promise<void> {
  const present = await tree.list('');
  const missing = names.filter((name) => !present.includes(name));
  if (missing.length > 0) {
    throw new Error(
      `${what}: ${tree.origin} should hold ${names.join(', ')}, but has no ${missing.join(', ')}; ` +
        'name the official archive or the folder that it unpacks to.',
    );
  }
}

function folderTree(origin: string, what: string): FileTree {
  const label = (path: string): string => join(origin, path);
  return {
    origin,
    label,
    list: (folder) => listFolder(label(folder), what),
    read: (path, purpose) => readBytes(label(path), purpose),
    async stamp(path) {
      const { size, mtimeMs } = await stat(label(path)).catch((error: unknown) => {
        throw new Error(`Could not read ${what} from ${label(path)}: ${readProblem(error)}`);
      });
      return `${size} ${mtimeMs}`;
    },
    close: () => undefined,
  };
}

interface Member {
  readonly stamp: string;
  read(): Promise<Uint8Array>;
}

interface Archive {
  /** By name, with `/` and no `./` in front. */
  readonly members: ReadonlyMap<string, Member>;
  close(): void;
}

/** An archive's files; those in `folder`, if it is there, by their names below it. */
async function archiveTree(origin: string, what: string, folder: string): Promise<FileTree> {
  const { members: all, close } = await (origin.endsWith('.zip')
    ? openZip(origin, what)
    : openTar(origin, what));
  const inside = [...all].filter(([name]) => name.startsWith(`${folder}/`));
  const members =
    inside.length > 0 ? new Map(inside.map(([name, file]) => [name.slice(folder.length + 1), file])) : all;
  const folders = listings(members.keys());
  const label = (path: string): string => `${origin}, ${path}`;
  const find = (path: string): Member => {
    const member = members.get(path);
    if (member === undefined) throw new Error(`${what}: ${origin} holds no ${path}; fetch it again.`);
    return member;
  };
  return {
    origin,
    label,
    close,
    async list(path) {
      const names = folders.get(path);
      if (names === undefined) throw new Error(`${what}: ${origin} holds no folder ${path}; fetch it again.`);
      return [...names].sort();
    },
    async read(path, purpose) {
      const member = find(path);
      try {
        return await member.read();
      } catch (error) {
        const cure = error instanceof UnpacksToTooMuch ? '' : '; fetch it again';
        throw new Error(`Could not read ${purpose} from ${label(path)}: ${problemOf(error)}${cure}.`, {
          cause: error,
        });
      }
    },
    stamp: async (path) => find(path).stamp,
  };
}

/** The names in every folder, '' being the root. */
function listings(paths: Iterable<string>): Map<string, Set<string>> {
  const folders = new Map<string, Set<string>>([['', new Set()]]);
  for (const path of paths) {
    const parts = path.split('/');
    parts.forEach((name, depth) => {
      const folder = parts.slice(0, depth).join('/');
      const names = folders.get(folder) ?? new Set();
      folders.set(folder, names.add(name));
    });
  }
  return folders;
}

async function openTar(path: string, what: string): Promise<Archive> {
  const bytes = await readBytes(path, what);
  try {
    const entries = await unpackTar(bytes, { strict: true });
    const members = new Map<string, Member>();
    for (const { header, data } of entries) {
      if (data !== undefined) {
        const stamp = `${data.length} ${crc32(data)}`;
        members.set(header.name.replace(/^\.\//, ''), { stamp, read: async () => data });
      }
    }
    return { members, close: () => undefined };
  } catch (error) {
    throw new Error(
      `Could not read ${what} from ${path}: it is not a sound tar archive (${problemOf(error)}); fetch it again.`,
    );
  }
}

/** Reads the list of files only; each file is read when it is asked for, and its checksum compared. */
async function openZip(path: string, what: string): Promise<Archive> {
  try {
    const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
    const members = new Map<string, Member>();
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith('/')) continue;
      members.set(entry.fileName.replace(/^\.\//, ''), {
        stamp: `${entry.uncompressedSize} ${entry.crc32}`,
        async read() {
          // What the list says of an entry is not always so, but no entry is larger than its archive.
          const packed = Math.min(entry.compressedSize, zip.fileSize);
          const limit = unpackedLimit(packed, allowedBytes.text);
          if (entry.uncompressedSize > limit) throw new UnpacksToTooMuch(packed, limit);
          const parts: Buffer[] = [];
          for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part);
          const bytes = Buffer.concat(parts);
          if (crc32(bytes) !== entry.crc32)
            throw new Error('its checksum differs from the one in the archive');
          return bytes;
        },
      });
    }
    return { members, close: () => zip.close() };
  } catch (error) {
    throw new Error(
      `Could not read ${what} from ${path}: it is not a sound zip archive (${problemOf(error)}); fetch it again.`,
    );
  }
}

function problemOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
}
