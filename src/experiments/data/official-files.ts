/**
 * Where the authors publish their files, and how to tell the right ones. Sizes and SHA-256 sums are those that TensorFlow
 * Datasets records for the same addresses (its folder url_checksums), with two exceptions: optdigits has those of the
 * files shipped with regrad, and Tiny-ImageNet has the MD5 that several loaders carry (Avalanche's for one).
 */
export interface OfficialFile {
  readonly name: string;
  readonly url: string;
  readonly bytes: number;
  readonly algorithm: 'sha256' | 'md5';
  readonly sum: string;
}

function sha256(folder: string, name: string, bytes: number, sum: string): OfficialFile {
  return { name, url: folder + name, bytes, algorithm: 'sha256', sum };
}

const toronto = 'https://www.cs.toronto.edu/~kriz/';
const housenumbers = 'http://ufldl.stanford.edu/housenumbers/';
const mnist = 'https://storage.googleapis.com/cvdf-datasets/mnist/';
const fashion = 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/';
const uci = 'https://archive.ics.uci.edu/ml/machine-learning-databases/optdigits/';

export const officialFiles = {
  optdigits: [
    sha256(uci, 'optdigits.tra', 563639, 'e1b683cc211604fe8fd8c4417e6a69f31380e0c61d4af22e93cc21e9257ffedd'),
    sha256(uci, 'optdigits.tes', 264712, '6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8'),
  ],
  'fashion-mnist': [
    sha256(
      fashion,
      'train-images-idx3-ubyte.gz',
      26421880,
      '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
    ),
    sha256(
      fashion,
      'train-labels-idx1-ubyte.gz',
      29515,
      'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
    ),
    sha256(
      fashion,
      't10k-images-idx3-ubyte.gz',
      4422102,
      '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
    ),
    sha256(
      fashion,
      't10k-labels-idx1-ubyte.gz',
      5148,
      '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
    ),
  ],
  mnist: [
    sha256(
      mnist,
      'train-images-idx3-ubyte.gz',
      9912422,
      '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
    ),
    sha256(
      mnist,
      'train-labels-idx1-ubyte.gz',
      28881,
      '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
    ),
    sha256(
      mnist,
      't10k-images-idx3-ubyte.gz',
      1648877,
      '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
    ),
    sha256(
      mnist,
      't10k-labels-idx1-ubyte.gz',
      4542,
      'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
    ),
  ],
  cifar10: [
    sha256(
      toronto,
      'cifar-10-binary.tar.gz',
      170052171,
      'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
    ),
  ],
  cifar100: [
    sha256(
      toronto,
      'cifar-100-binary.tar.gz',
      168513733,
      '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
    ),
  ],
  svhn: [
    sha256(
      housenumbers,
      'train_32x32.mat',
      182040794,
      '435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8',
    ),
    sha256(
      housenumbers,
      'test_32x32.mat',
      64275384,
      'cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b',
    ),
  ],
  'tiny-imagenet': [
    {
      name: 'tiny-imagenet-200.zip',
      url: 'http://cs231n.stanford.edu/tiny-imagenet-200.zip',
      bytes: 248100043,
      algorithm: 'md5',
      sum: '90528d7ca1a48142e341f4ef8d21d0de',
    },
  ],
} satisfies Record<string, readonly OfficialFile[]>;
