"""One GN step of the models at full width, computed by PyTorch in float64: digests of the gradients, as JSON.

    python3 test/parity-full/make.py [NAME...] && npx biome format --write test/parity-full

Weights and images are a formula of integers (`numbers`), which test/parity-full/formula.ts repeats bit for bit, so none
is stored. Made with PyTorch 1.13 (Debian's python3-torch). VGG-16-bn has its dropout at p = 0; the small `dropout` model,
of the same layout, has it at 0.5 with the masks that regrad draws from seed 4, stream 9.
"""
import json
import math
import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

LAMBDA = 0.01
LABELS = [3, 7]
SAMPLES = 8
MASKS = ["0100011010000111", "1111000100100000"]


def numbers(seed, count):
    """`count` float32 numbers in [-1, 1): the finaliser of MurmurHash3 over a Weyl sequence."""
    h = (np.arange(count, dtype=np.uint64) * 2654435761 + seed * 40503 + 12345).astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return (h.astype(np.float64) / 2**31 - 1).astype(np.float32)


def initial(seed, name, shape):
    """He's uniform weights by fan-in; scales of batch norm around 1, biases around 0."""
    unit = numbers(seed, math.prod(shape))
    if len(shape) > 1:
        values = unit * np.float32(math.sqrt(6 / math.prod(shape[1:])))
    else:
        values = np.float32(0.1) * unit + np.float32(1 if name.endswith("weight") else 0)
    return torch.from_numpy(values.astype(np.float32)).reshape(shape)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + self.shortcut(x))


class Resnet(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        width = 64
        for stage, count in enumerate(blocks):
            layers = []
            for at in range(count):
                outputs = 64 * 2**stage
                layers.append(Block(width, outputs, 2 if stage > 0 and at == 0 else 1))
                width = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.linear = nn.Linear(width, 10)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.layer4(self.layer3(self.layer2(self.layer1(h))))
        return self.linear(h.mean((2, 3)))


class Masked(nn.Module):
    """Dropout at 0.5 with a given mask for two examples."""

    def __init__(self, mask):
        super().__init__()
        self.mask = torch.tensor([float(bit) for bit in mask]).reshape(2, -1)

    def forward(self, x):
        return x * (2 * self.mask)


class Vgg(nn.Module):
    def __init__(self, plan, hidden, bn, pool, masks=None):
        super().__init__()
        layers, width = [], 3
        for entry in plan:
            if entry == "M":
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(width, entry, 3, padding=1)] + ([nn.BatchNorm2d(entry)] if bn else []) + [nn.ReLU()]
            width = entry
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(pool)
        widths = [width * pool * pool, *hidden]
        classifier = []
        for at, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
            # torchvision's layout has a dropout after each hidden layer.
            dropout = [Masked(masks[at])] if masks else [nn.Dropout(0)]
            classifier += [nn.Linear(inputs, outputs), nn.ReLU()] + (dropout if bn else [])
        self.classifier = nn.Sequential(*classifier, nn.Linear(widths[-1], 10))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


A = [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"]
D = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]
MODELS = {
    "resnet18": lambda: Resnet([2, 2, 2, 2]),
    "vgg11": lambda: Vgg(A, [512, 512], False, 1),
    "vgg16-bn": lambda: Vgg(D, [4096, 4096], True, 7),
    "dropout": lambda: Vgg([4, "M"], [8, 8], True, 2, MASKS),
}


def step(name, dtype):
    """Loss, penalty, and by parameter the gradient of loss + LAMBDA penalty."""
    model = MODELS[name]()
    for seed, (parameter_name, parameter) in enumerate(model.named_parameters()):
        parameter.data = initial(seed, parameter_name, tuple(parameter.shape)).to(dtype)
    model = model.to(dtype).train()
    x = torch.from_numpy(numbers(1000, 2 * 3 * 32 * 32)).reshape(2, 3, 32, 32).to(dtype)
    loss = F.cross_entropy(model(x), torch.tensor(LABELS))
    parameters = list(model.parameters())
    penalty = sum((g**2).sum() for g in torch.autograd.grad(loss, parameters, create_graph=True))
    gradients = torch.autograd.grad(loss + LAMBDA * penalty, parameters)
    names = [parameter_name for parameter_name, _ in model.named_parameters()]
    return loss.item(), penalty.item(), dict(zip(names, gradients))


def digest(g):
    flat = g.reshape(-1)
    at = [(flat.numel() * (2 * i + 1)) // (2 * SAMPLES) for i in range(SAMPLES)]
    return {
        "shape": list(g.shape),
        "norm": flat.norm().item(),
        "sum": flat.sum().item(),
        "samples": flat[at].tolist(),
    }


def main():
    for name in sys.argv[1:] or MODELS:
        loss, penalty, exact = step(name, torch.float64)
        loss32, penalty32, rounded = step(name, torch.float32)
        # How far PyTorch itself is in float32: the largest over tensors of ||a - b|| / max(||b||, 1e-3 of the largest).
        floor = 1e-3 * max(g.norm().item() for g in exact.values())
        errors = [(rounded[n].double() - g).norm().item() / max(g.norm().item(), floor) for n, g in exact.items()]
        result = {
            "lambda": LAMBDA,
            "labels": LABELS,
            **({"masks": MASKS} if name == "dropout" else {}),
            "loss": loss,
            "penalty": penalty,
            "float32": {
                "loss": abs(loss32 / loss - 1),
                "penalty": abs(penalty32 / penalty - 1),
                "gradients": max(errors),
            },
            "state": list(MODELS[name]().state_dict()),
            "gradients": {n: digest(g) for n, g in exact.items()},
        }
        path = os.path.join(os.path.dirname(__file__), f"{name}.json")
        with open(path, "w") as file:
            json.dump(result, file, indent=2)
        print(name, loss, penalty, result["float32"])


if __name__ == "__main__":
    main()
