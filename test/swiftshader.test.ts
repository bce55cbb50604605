/** Unpacking the packaged driver. */
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { swiftShaderFiles, unpackSwiftShader } from '../src/engine/swiftshader.ts';

const archive = resolve('node_modules/@sparticuz/chromium/bin/swiftshader.tar.br');
const scratch = mkdtempSync(join(tmpdir(), 'regrad-test-'));
afterAll(() => rmSync(scratch, { recursive: true }));
/** A new folder's path; the folder is not there yet. */
const fresh = (name: string) => join(mkdtempSync(join(scratch, 'case-')), name);

describe('unpacking', () => {
  test('fills a new folder and leaves nothing else there', () => {
    const folder = fresh('cache');
    expect(unpackSwiftShader(archive, [folder])).toBe(folder);
    expect(readdirSync(folder).sort()).toEqual([...swiftShaderFiles].sort());
    const [loader, driver, manifest] = swiftShaderFiles.map((name) => readFileSync(join(folder, name)));
    expect([loader, driver].map((file) => file?.subarray(1, 4).toString())).toEqual(['ELF', 'ELF']);
    expect(JSON.parse(String(manifest))).toMatchObject({ ICD: { library_path: './libvk_swiftshader.so' } });
  });

  test.each(swiftShaderFiles)('replaces %s, if missing, cut off or altered', (name) => {
    const folder = unpackSwiftShader(archive, [fresh('cache')]);
    const file = join(folder, name);
    const intact = readFileSync(file);
    const altered = Buffer.from(intact);
    altered.writeUInt8(intact.readUInt8(60) ^ 1, 60);
    for (const spoil of [
      () => writeFileSync(file, altered),
      () => writeFileSync(file, intact.subarray(0, 50)),
      () => rmSync(file),
    ]) {
      spoil();
      unpackSwiftShader(archive, [folder]);
      expect(readFileSync(file).equals(intact)).toBe(true);
    }
  });

  test('takes the next folder where one cannot be written', () => {
    const file = fresh('file');
    writeFileSync(file, '');
    const folder = fresh('cache');
    expect(unpackSwiftShader(archive, [join(file, 'cache'), folder])).toBe(folder);
    expect(() => unpackSwiftShader(archive, [join(file, 'cache')])).toThrow(
      /unpacked anywhere .*ENOTDIR.*writable/,
    );
  });

  test.runIf(process.getuid?.() === 0)('takes no folder that another user owns', () => {
    const folder = fresh('planted');
    mkdirSync(folder);
    chownSync(folder, 12345, 12345);
    expect(() => unpackSwiftShader(archive, [folder])).toThrow(`${folder} belongs to another user`);
  });

  test('a broken archive is named, with the cure', () => {
    const broken = fresh('swiftshader.tar.br');
    const cure = `${broken} cannot be used (`;
    expect(() => unpackSwiftShader(broken, [fresh('cache')])).toThrow(cure);
    writeFileSync(broken, readFileSync(archive).subarray(0, 100_000));
    expect(() => unpackSwiftShader(broken, [fresh('cache')])).toThrow(cure);
  });
});
