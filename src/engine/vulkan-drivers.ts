/**
 * Which Vulkan drivers the system offers, on Linux. Dawn writes lines of its own to stderr where there is none, and of
 * each that is listed without its library; so it is asked only for those that open, and not at all if none does.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

/** The Vulkan loader, by the name that Dawn asks for. */
export const loaderFile = 'libvulkan.so.1';

/**
 * Opens a library in this process and keeps it: Dawn and the loader, which ask for it again, find it there.
 * @param file a path, or a name that the system's linker looks up.
 * @returns whether there is one.
 */
export function openLibrary(file: string): boolean {
  // Dawn closes libraries between attempts; RTLD_NODELETE (0x1000 in glibc, without a name in Node) keeps them.
  const flags = constants.dlopen.RTLD_LAZY | 0x1000;
  try {
    process.dlopen({ exports: {} }, file, flags);
    return true;
  } catch (error) {
    // Node takes every library for an addon; this complaint comes after the library was opened.
    return String(error).includes('self-register');
  }
}

/** The manifests of the drivers that can be opened, where a Vulkan loader looks for them. */
export function systemDrivers(): string[] {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES } = process.env;
  const named = VK_DRIVER_FILES || VK_ICD_FILENAMES;
  const places = named ? split(named) : [...split(VK_ADD_DRIVER_FILES), ...driverFolders()];
  return [...new Set(places.flatMap(manifestsIn))].filter(opens);
}

let announced = false;

/**
 * Says once, on stderr, whose the next lines are where Dawn will write some that nothing switches off: it tells that it
 * lowers two limits of Mesa's lavapipe (lvp), and of drivers whose devices are absent that they have none.
 */
export function announceDrivers(manifests: readonly string[]): void {
  const names = manifests.map((manifest) => basename(manifest));
  const mayHaveGpu = ['/dev/dri', '/dev/nvidiactl', '/dev/dxg'].some((file) => existsSync(file));
  if (announced || (mayHaveGpu && !names.some((name) => name.includes('lvp')))) return;
  announced = true;
  console.warn(
    `regrad: asking the Vulkan drivers of the system (${names.join(', ')}); ` +
      'if Dawn warns of them on the next lines, that is harmless.',
  );
}

/** The folders of the loader's documentation, and NixOS's, whose loader has another. */
function driverFolders(): string[] {
  const { HOME, XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = process.env;
  const home = (folder: string) => (HOME ? [join(HOME, folder)] : []);
  const folders = [
    ...(XDG_CONFIG_HOME ? [XDG_CONFIG_HOME] : home('.config')),
    ...split(XDG_CONFIG_DIRS || '/etc/xdg'),
    '/usr/local/etc',
    '/etc',
    ...(XDG_DATA_HOME ? [XDG_DATA_HOME] : home('.local/share')),
    ...split(XDG_DATA_DIRS || '/usr/local/share:/usr/share'),
    '/run/opengl-driver/share',
  ];
  return folders.map((folder) => join(folder, 'vulkan', 'icd.d'));
}

function split(paths = ''): string[] {
  return paths.split(':').filter((path) => path !== '');
}

function manifestsIn(place: string): string[] {
  try {
    if (!statSync(place).isDirectory()) return [place];
    const names = readdirSync(place).filter((name) => name.endsWith('.json'));
    return names.map((name) => join(place, name));
  } catch {
    return [];
  }
}

function opens(manifest: string): boolean {
  try {
    const { library_path: library } = JSON.parse(readFileSync(manifest, 'utf8')).ICD;
    return openLibrary(library.includes('/') ? resolve(dirname(manifest), library) : library);
  } catch {
    return false;
  }
}
