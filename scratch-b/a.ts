import '../src/engine/node.ts';
import { matmul, tensor } from '../src/engine/index.ts';
console.log(await matmul(tensor([[1,2],[3,4]]), tensor([[1,2],[3,4]])).data());
