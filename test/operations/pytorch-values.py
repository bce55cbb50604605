"""Writes pytorch-values.json: what PyTorch computes, and its gradients, for the tests to compare with.

Run with PyTorch 1.13 or later: python3 pytorch-values.py > pytorch-values.json

Every case is computed in float64 (for the reference executor) and in float32 (for the GPU). Where `gradients` are
given, they are those of sum(output * cos(1.7 i)), i being the element's number. A tensor is written as its shape and
its elements: "[2,1] 0.5 nan". `flushed` is the float32 output with
subnormal inputs taken as zeros, as a GPU may.
"""
import json
import math

import torch
import torch.nn.functional as F

torch.manual_seed(1)
cases = []
INF, NAN = math.inf, math.nan
SPECIAL = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, 100.0, -100.0, 1e-40, -1e-40]


def encode(x):
    if not torch.is_tensor(x):
        x = torch.tensor(x, dtype=torch.float64)
    if x.dtype == torch.bool:
        x = x.to(torch.int64)
    digits = 9 if x.dtype == torch.float32 else 17
    numbers = " ".join(f"{v:.{digits}g}" for v in x.detach().reshape(-1).tolist())
    return f"[{','.join(map(str, x.shape))}] {numbers}"


def case(group, name, f, *inputs, gradients=False):
    entry = {"group": group, "name": name, "inputs": [encode(x) for x in inputs]}
    for dtype, key in ((torch.float64, "f64"), (torch.float32, "f32")):
        xs = [torch.as_tensor(x, dtype=torch.float64).to(dtype).requires_grad_(gradients) for x in inputs]
        y = f(*xs)
        entry[key] = {"output": encode(y)}
        if gradients:
            weights = torch.cos(1.7 * torch.arange(y.numel(), dtype=torch.float64)).to(dtype).reshape(y.shape)
            entry[key]["gradients"] = [encode(g) for g in torch.autograd.grad((y * weights).sum(), xs)]
    flushed = [torch.as_tensor(x, dtype=torch.float32) for x in inputs]
    entry["flushed"] = encode(f(*[torch.where(x.abs() < 1e-38, torch.zeros(()), x) for x in flushed]))
    cases.append(entry)


# ---- special numbers -----------------------------------------------------------------------------------------------
unary = {
    "neg": torch.neg, "abs": torch.abs, "sign": torch.sign, "square": torch.square, "exp": torch.exp,
    "expm1": torch.expm1, "log": torch.log, "log1p": torch.log1p, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
    "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": F.softplus,
    "erf": torch.erf, "relu": torch.relu, "leakyRelu": F.leaky_relu, "isNan": torch.isnan, "gelu": F.gelu,
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu,
    "clamp both": lambda x: torch.clamp(x, -1, 1), "clamp low": lambda x: torch.clamp(x, min=0.25),
    "clamp high": lambda x: torch.clamp(x, max=0.25), "cast to bool": lambda x: x.bool(),
    "pow 0": lambda x: x**0, "pow 1": lambda x: x**1, "pow 2": lambda x: x**2, "pow 3": lambda x: x**3,
    "pow 0.5": lambda x: x**0.5, "pow -1": lambda x: x**-1.0, "pow 4": lambda x: x**4, "2 pow": lambda x: 2.0**x,
}
for name, f in unary.items():
    case("special", name, f, SPECIAL)

left = [v for v in SPECIAL for _ in SPECIAL]
right = [v for _ in SPECIAL for v in SPECIAL]
binary = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum, "eq": torch.eq, "notEqual": torch.ne, "greater": torch.gt,
    "greaterEqual": torch.ge, "less": torch.lt, "lessEqual": torch.le,
    "where": lambda a, b: torch.where(a > 0, a, b),
}
for name, f in binary.items():
    case("special", name, f, left, right)

lines = [
    [1, NAN, 2, NAN], [INF, 1, 2, 3], [-INF, 1, 2, 3], [INF, -INF, 0, 1], [-INF] * 4, [INF] * 4, [0, -0.0, 0, 0],
    [NAN, INF, -INF, 0], [100, -100, 100, 99], [1, 1, 1, 1],
]
reductions = {
    "sum": lambda x: x.sum(1), "mean": lambda x: x.mean(1), "max": lambda x: x.amax(1), "min": lambda x: x.amin(1),
    "prod": lambda x: x.prod(1), "variance": lambda x: x.var(1), "logSumExp": lambda x: torch.logsumexp(x, 1),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=1), "argMax": lambda x: x.argmax(1),
    "argMin": lambda x: x.argmin(1), "softmax": lambda x: F.softmax(x, 1), "logSoftmax": lambda x: F.log_softmax(x, 1),
    "max of all": lambda x: x.amax(), "sum of all": lambda x: x.sum(),
    "max over dim 0": lambda x: x.amax(0),
    "crossEntropy": lambda x: F.cross_entropy(x, torch.arange(10) % 4, reduction="none"),
    "crossEntropy smoothed": lambda x: F.cross_entropy(x, torch.arange(10) % 4, reduction="none", label_smoothing=0.1),
    "mseLoss": lambda x: F.mse_loss(x, torch.ones_like(x), reduction="none"),
    "batchNorm": lambda x: F.batch_norm(x, None, None, training=True),
}
for name, f in reductions.items():
    case("special", name, f, lines)

matrix = [[1, NAN, 2], [INF, 1, 0], [-INF, INF, 1], [1, 2, 3]]
case("special", "matmul", torch.matmul, matrix, [[1, 0], [0, 2], [3, -1]])
image = torch.arange(36.0).reshape(1, 1, 6, 6).tolist()
image[0][0][1][1], image[0][0][1][4], image[0][0][4][4], image[0][0][5][0] = NAN, INF, -INF, INF
case("special", "conv2d", lambda x, w: F.conv2d(x, w, padding=1), image, [[[[1, 2], [0, -1]]]])
for row in range(2):
    for column in range(2):
        image[0][0][2 + row][2 + column] = -INF
case("special", "maxPool2d", lambda x: F.max_pool2d(x, 2), image)
case("special", "maxPool2d padded", lambda x: F.max_pool2d(x, 3, 2, 1), image)
case("special", "avgPool2d", lambda x: F.avg_pool2d(x, 2), image)

# ---- ties and edges ------------------------------------------------------------------------------------------------
tied = [[3, 1, 3, 3], [2, 2, 1, 0], [1, 1, 1, 1]]
case("ties", "max", lambda x: x.amax(1), tied, gradients=True)
case("ties", "max of all", lambda x: x.amax(), tied, gradients=True)
case("ties", "max over two dims", lambda x: x.amax((0, 1)), tied, gradients=True)
case("ties", "min", lambda x: x.amin(1), tied, gradients=True)
case("ties", "argMax", lambda x: x.argmax(1), tied)
case("ties", "argMin", lambda x: x.argmin(1), tied)
plane = [[[[1, 1, 2, 2, 0], [1, 1, 2, 2, 0], [3, 0, 0, 3, 3], [0, 3, 3, 0, 3]]]]
case("ties", "maxPool2d", lambda x: F.max_pool2d(x, 2), plane, gradients=True)
case("ties", "maxPool2d overlapping", lambda x: F.max_pool2d(x, 3, 1, 1), plane, gradients=True)
pairs = ([1, 2, 3, 0, -1], [1, 3, 2, 0, -1])
case("ties", "maximum", torch.maximum, *pairs, gradients=True)
case("ties", "minimum", torch.minimum, *pairs, gradients=True)
edges = [-2, -1, -0.5, 0, 1, 2]
case("ties", "clamp", lambda x: torch.clamp(x, -1, 1), edges, gradients=True)
case("ties", "relu", torch.relu, edges, gradients=True)
case("ties", "leakyRelu", F.leaky_relu, edges, gradients=True)
case("ties", "abs", torch.abs, edges, gradients=True)
case("ties", "sign", torch.sign, edges, gradients=True)
case("ties", "norm", lambda x: torch.linalg.vector_norm(x, dim=1), [[0, 0], [3, 4]], gradients=True)
case("ties", "norm of all", lambda x: torch.linalg.vector_norm(x), [0, 0, 0], gradients=True)
case("ties", "sqrt", torch.sqrt, [0, 4], gradients=True)
case("ties", "prod", lambda x: x.prod(1), [[0, 2, 3], [0, 0, 5], [1, 2, 3]], gradients=True)
case("ties", "pow", torch.pow, [0, 0, 0, 2, 2, -2, -2, 1], [0, 1, 2, 0, 1, 2, 3, 0], gradients=True)
case("ties", "pow 0", lambda x: x**0, [0, 2], gradients=True)

# ---- one or more of every family -----------------------------------------------------------------------------------
def random(*shape):
    return torch.randn(shape, dtype=torch.float64).mul(8).round().div(8).tolist()


smooth = [-2.5, -1, -0.125, 0.375, 0.75, 1.5, 3]
for name in ("exp", "expm1", "sin", "cos", "tanh", "sigmoid", "softplus", "erf", "gelu", "gelu tanh", "silu",
             "leakyRelu", "square"):
    case("values", name, unary[name], smooth, gradients=True)
for name in ("log", "log1p", "sqrt", "rsqrt", "pow 0.5", "pow -1", "pow 4", "2 pow"):
    case("values", name, unary[name], [0.03125, 0.125, 0.75, 1, 1.5, 20], gradients=True)
for name in ("add", "sub", "mul", "div", "maximum", "minimum"):
    case("values", name, binary[name], random(2, 1, 3), [[0.5], [-1.5]], gradients=True)
case("values", "pow", torch.pow, [[0.5], [2], [3]], [1.5, -2, 0.25], gradients=True)
for name in ("sum", "mean", "max", "min", "prod", "variance", "logSumExp", "norm", "softmax", "logSoftmax"):
    case("values", name, reductions[name], random(3, 5), gradients=True)
case("values", "variance biased", lambda x: x.var((0, 2), unbiased=False), random(2, 3, 2), gradients=True)
case("values", "matmul", torch.matmul, random(2, 3), random(3, 4), gradients=True)
case("values", "matmul batched", torch.matmul, random(2, 1, 2, 3), random(4, 3, 2), gradients=True)
image, filters = random(2, 4, 6, 5), random(6, 2, 3, 2)
case("values", "conv2d", lambda x, w: F.conv2d(x, w, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), image,
     filters, gradients=True)
case("values", "conv2d depthwise", lambda x, w: F.conv2d(x, w, padding=1, groups=4), image, random(4, 1, 3, 3),
     gradients=True)
case("values", "maxPool2d padded", lambda x: F.max_pool2d(x, 3, 2, 1), image, gradients=True)
case("values", "avgPool2d padded", lambda x: F.avg_pool2d(x, 3, 2, 1), image, gradients=True)
case("values", "globalAvgPool2d", lambda x: x.mean((2, 3)), image, gradients=True)
case("values", "adaptiveAvgPool2d", lambda x: F.adaptive_avg_pool2d(x, (4, 3)), image, gradients=True)
labels = torch.tensor([2, 0, 4])
for name, options in {
    "crossEntropy mean": {}, "crossEntropy sum": {"reduction": "sum"},
    "crossEntropy none smoothed": {"reduction": "none", "label_smoothing": 0.2},
    "crossEntropy mean smoothed": {"label_smoothing": 0.2},
}.items():
    case("values", name, lambda x, o=options: F.cross_entropy(x, labels, **o), random(3, 5), gradients=True)
case("values", "mseLoss mean", F.mse_loss, random(2, 3), random(2, 3), gradients=True)
case("values", "batchNorm", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), random(3, 2, 2, 2),
     [1.5, -0.5], [0.25, 1], gradients=True)
index = torch.tensor([[0, 2, 2], [1, 0, 1]])
case("values", "gather", lambda x: x.gather(1, index), random(2, 3), gradients=True)
case("values", "scatterAdd", lambda x, s: x.scatter_add(1, index, s), random(2, 4), random(2, 3), gradients=True)
case("values", "indexSelect", lambda x: x.index_select(1, torch.tensor([2, 0, 2])), random(2, 3), gradients=True)
case("values", "pad", lambda x: F.pad(x, (1, 0, 0, 2), value=1.5), random(2, 3), gradients=True)
case("values", "slice", lambda x: x[:, 1:6:2], random(2, 7), gradients=True)
case("values", "flip", lambda x: x.flip(0, 2), random(2, 2, 3), gradients=True)
case("values", "permute", lambda x: x.permute(2, 0, 1), random(2, 2, 3), gradients=True)
case("values", "concat", lambda a, b: torch.cat([a, b], 1), random(2, 2), random(2, 1), gradients=True)
case("values", "stack", lambda a, b: torch.stack([a, b], 1), random(2, 2), random(2, 2), gradients=True)

print("[\n" + ",\n".join(json.dumps(entry) for entry in cases) + "\n]")
