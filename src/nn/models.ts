/** The models, each a function of its specification and of the generator of its initial weights. */
export { type MlpSpecification, mlp } from './models/mlp.ts';
export { type ResnetSpecification, resnet, resnet18, resnet34 } from './models/resnet.ts';
export { type VggSpecification, vgg, vgg11, vgg11Defaults, vgg16Bn, vgg16BnDefaults } from './models/vgg.ts';
