/**
 * The architecture, held by reading the source: kernels <- engine <- nn <- experiments <- cli; imports point left.
 * What a browser loads (all but experiments and cli) imports neither Node nor packages; its Node entry does.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const layers = ['kernels', 'engine', 'nn', 'experiments', 'cli'];
const nodeEntry = [
  'make-folder',
  'node',
  'swiftshader',
  'user-folders',
  'variant-file',
  'vulkan-drivers',
].map((name) => `engine/${name}.ts`);

/** Position in `layers`; files in src itself are the public names of engine and nn. */
function layerOf(file: string): number {
  const folder = file.includes('/') ? file.slice(0, file.indexOf('/')) : 'nn';
  return layers.indexOf(folder);
}

/**
 * What is wrong with the imports of one file; type imports, dynamic imports and re-exports count too.
 * @param file path from src, with `/`.
 */
function violations(file: string, source: string): string[] {
  if (layerOf(file) < 0) return [`src/${file} lies in no layer; the layers are ${layers.join(', ')}.`];
  const needsNode = nodeEntry.includes(file) || layerOf(file) >= layers.indexOf('experiments');
  return ts.preProcessFile(source, true, true).importedFiles.flatMap(({ fileName: target }) => {
    if (!target.startsWith('.')) {
      return needsNode ? [] : [`src/${file} imports ${target}, but a browser has neither Node nor packages.`];
    }
    const imported = posix.join(posix.dirname(file), target);
    if (imported.startsWith('..'))
      return needsNode ? [] : [`src/${file} imports ${target} from outside src.`];
    if (nodeEntry.includes(imported) && !needsNode)
      return [`src/${file} imports the Node entry, ${imported}.`];
    if (layerOf(imported) > layerOf(file)) return [`src/${file} imports ${imported}, a layer above its own.`];
    return [];
  });
}

describe('layering', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts'));

  test('the files of src obey it', () => {
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap((file) => violations(file, readFileSync(`src/${file}`, 'utf8')))).toEqual([]);
  });

  test.each([
    ['kernels/matmul.ts', "import { node } from '../engine/tape.ts';"],
    ['kernels/matmul.ts', "import type { Node } from '../engine/tape.ts';"],
    ['engine/tape.ts', "export * from '../nn/module.ts';"],
    ['engine/ops/add.ts', "const load = () => import('../../experiments/run.ts');"],
    ['nn/module.ts', "import '../cli/main.ts';"],
    ['nn/module.ts', "import '../index.ts'; import '../experiments/run.ts';"],
    ['experiments/run.ts', "import { program } from '../cli/main.ts';"],
    ['index.ts', "export { run } from './experiments/run.ts';"],
    ['engine/tape.ts', "import { readFileSync } from 'node:fs';"],
    ['engine/run/gpu.ts', "import { create } from 'webgpu';"],
    ['nn/module.ts', "import { requestNodeAdapter } from '../engine/node.ts';"],
    ['index.ts', "export * from './engine/node.ts';"],
    ['engine/tape.ts', "import manifest from '../../package.json';"],
    ['elsewhere/file.ts', ''],
  ])('%s may not hold: %s', (file, source) => {
    expect(violations(file, source)).toHaveLength(1);
  });

  test.each([
    ['kernels/matmul.ts', "import { grid } from './kernel.ts';"],
    [
      'engine/ops/matmul.ts',
      "import { matmul } from '../../kernels/matmul.ts'; import { node } from '../tape.ts';",
    ],
    [
      'engine/node.ts',
      "import { join } from 'node:path'; import './swiftshader.ts'; await import('webgpu');",
    ],
    ['index.ts', "export * from './engine/tape.ts'; export * from './nn/module.ts';"],
    ['experiments/run.ts', "import 'node:fs'; import '../engine/node.ts'; import '../index.ts';"],
    ['cli/main.ts', "import { Command } from 'commander'; import '../experiments/run.ts';"],
    ['kernels/matmul.ts', "// import '../engine/tape.ts'\nconst text = \"import '../engine/tape.ts'\";"],
  ])('%s may hold: %s', (file, source) => {
    expect(violations(file, source)).toEqual([]);
  });
});
