/** regrad's public names: the engine and nn. Importing them touches no GPU. */
export * from './engine/index.ts';
export * from './nn/index.ts';
