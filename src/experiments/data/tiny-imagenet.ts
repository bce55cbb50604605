/**
 * Tiny-ImageNet: JPEG files of 64 × 64 pixels, in the folder `tiny-imagenet-200` or its zip archive.
 *
 *     wnids.txt                       the classes, one a line; label k is line k, from 0
 *     words.txt                       their names: class, tab, names separated by commas
 *     train/CLASS/images/*.JPEG       training images
 *     val/images/*.JPEG               validation images, which serve as test images: those of the test part have no labels
 *     val/val_annotations.txt         file, tab, class, tab, a box
 *
 * The classes take turns in the training part, so that its last images, held out for validation, are of all of them.
 */
import { excerpt } from '../files.ts';
import { createProgress } from '../progress.ts';
import { type FileTree, requireFiles, withTree } from './file-tree.ts';
import { channelStatistics, checkImageSet, type Dataset, type ImageSet } from './image-set.ts';
import { decodeJpeg, jpegDecoder } from './jpeg.ts';
import { cachedPixels } from './pixel-cache.ts';

const size = 64;
const imageBytes = 3 * size * size;
const title = 'Tiny-ImageNet';
const layout = { folder: 'tiny-imagenet-200', archive: 'tiny-imagenet-200.zip' };

interface LabelledFile {
  readonly path: string;
  readonly label: number;
}

/** Tiny-ImageNet from its folder or archive (see `withTree`). Mean and deviation are computed from the training images. */
export function loadTinyImagenet(path: string): Promise<Dataset> {
  return withTree(path, title, layout, async (tree) => {
    await requireFiles(tree, ['wnids.txt', 'train', 'val'], title);
    const classes = await readClasses(tree);
    const classNames = await readNames(tree, classes);
    const files = [await trainingFiles(tree, classes), await validationFiles(tree, classes)];
    const train = await readPart(tree, files[0], classNames, 'training images');
    const test = await readPart(tree, files[1], classNames, 'validation images');
    return {
      name: title,
      train,
      test,
      ...channelStatistics(train),
      decoder: jpegDecoder,
      terms: 'Drawn from ImageNet: for non-commercial research and education only.',
    };
  });
}

async function readLines(tree: FileTree, path: string): Promise<string[]> {
  const text = new TextDecoder().decode(await tree.read(path, title));
  return text.split(/\r?\n/).filter((line) => line !== '');
}

async function readClasses(tree: FileTree): Promise<string[]> {
  const classes = await readLines(tree, 'wnids.txt');
  const wrong = classes.findIndex((name, k) => !/^n\d{8}$/.test(name) || classes.indexOf(name) !== k);
  if (wrong !== -1 || classes.length === 0 || classes.length > 200) {
    const problem =
      wrong === -1 ? `there are ${classes.length}` : `line ${wrong + 1} is "${excerpt(classes[wrong])}"`;
    throw new Error(
      `${tree.label('wnids.txt')}: it should hold 1 to 200 different classes such as n01443537, one a line, ` +
        `but ${problem}.`,
    );
  }
  return classes;
}

/** The first name of every class, or the class itself where words.txt has none. */
async function readNames(tree: FileTree, classes: readonly string[]): Promise<string[]> {
  if (!(await tree.list('')).includes('words.txt')) return [...classes];
  const lines = await readLines(tree, 'words.txt');
  const names = new Map(
    lines.map((line) => [line.split('\t')[0], line.split('\t')[1]?.split(',')[0].trim()]),
  );
  return classes.map((name) => names.get(name) || name);
}

const isJpeg = (name: string): boolean => /\.jpe?g$/i.test(name);

async function trainingFiles(tree: FileTree, classes: readonly string[]): Promise<LabelledFile[]> {
  const unknown = (await tree.list('train')).filter(
    (name) => /^n\d{8}$/.test(name) && !classes.includes(name),
  );
  if (unknown.length > 0) {
    throw new Error(
      `${tree.label('train')}: it has images of ${unknown.join(', ')}, but ${tree.label('wnids.txt')} does not list ` +
        `${unknown.length === 1 ? 'that class' : 'those classes'}; the files do not belong together.`,
    );
  }
  const turns: LabelledFile[][] = [];
  for (const [label, name] of classes.entries()) {
    const folder = `train/${name}/images`;
    const images = (await tree.list(folder)).filter(isJpeg);
    if (images.length === 0) {
      throw new Error(`${tree.label(folder)}: there are no JPEG files in it.`);
    }
    for (const [turn, image] of images.entries()) {
      turns[turn] ??= [];
      turns[turn].push({ path: `${folder}/${image}`, label });
    }
  }
  return turns.flat();
}

async function validationFiles(tree: FileTree, classes: readonly string[]): Promise<LabelledFile[]> {
  const list = 'val/val_annotations.txt';
  const present = new Set((await tree.list('val/images')).filter(isJpeg));
  const files = (await readLines(tree, list)).map((line, n) => {
    const [image, name = ''] = line.split('\t');
    const label = classes.indexOf(name);
    if (label === -1) {
      throw new Error(
        `${tree.label(list)}, line ${n + 1}: it should be a file and a class of wnids.txt, separated by tabs, ` +
          `but is "${excerpt(line)}".`,
      );
    }
    if (!present.delete(image)) {
      throw new Error(
        `${tree.label(list)}, line ${n + 1}: ${excerpt(image)} is not in ${tree.label('val/images')}, or came before.`,
      );
    }
    return { path: `val/images/${image}`, label };
  });
  if (present.size > 0) {
    const [first] = present;
    throw new Error(
      `${tree.label(list)}: ${present.size} images of val/images are not in it, ${first} for one; the file is cut off.`,
    );
  }
  return files;
}

async function readPart(
  tree: FileTree,
  files: readonly LabelledFile[],
  classNames: readonly string[],
  part: string,
): Promise<ImageSet> {
  const name = `${title}, ${part}`;
  const stamps = await Promise.all(files.map(({ path }) => tree.stamp(path)));
  const images = await cachedPixels({
    name: `tiny-imagenet-${part.split(' ')[0]}`,
    inputs: [tree.origin, ...files.map(({ path }, i) => `${path} ${stamps[i]}`)],
    decoder: jpegDecoder,
    size: files.length * imageBytes,
    async decode(pixels) {
      const progress = createProgress({ total: files.length, label: `decoding ${name}` });
      try {
        for (const [n, { path }] of files.entries()) {
          const target = pixels.subarray(n * imageBytes, (n + 1) * imageBytes);
          decodeJpeg(await tree.read(path, name), size, target, tree.label(path));
          progress.update(n + 1);
        }
      } finally {
        progress.stop();
      }
    },
  });
  return checkImageSet({
    name,
    classes: classNames.length,
    classNames,
    shape: [3, size, size],
    images,
    labels: Uint8Array.from(files, ({ label }) => label),
    count: files.length,
    scale: 255,
  });
}
