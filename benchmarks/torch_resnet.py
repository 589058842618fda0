"""torchvision's residual networks in a few lines of PyTorch: the peer of benchmarks and parity tests. Needs torch alone."""

import torch
from torch import nn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class Block(nn.Module):
    """A basic block or a bottleneck, with torchvision's names of parameters."""

    def __init__(self, channels, middle, stride, bottleneck):
        super().__init__()
        out = 4 * middle if bottleneck else middle
        kernels = [(1, channels, middle, 1), (3, middle, middle, stride), (1, middle, out, 1)]
        if not bottleneck:
            kernels = [(3, channels, middle, stride), (3, middle, out, 1)]
        self.count = len(kernels)
        for i, (size, before, after, step) in enumerate(kernels, 1):
            setattr(self, f"conv{i}", nn.Conv2d(before, after, size, step, size // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(after))
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        skip = x if self.downsample is None else self.downsample(x)
        for i in range(1, self.count + 1):
            x = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))
            if i < self.count:
                x = self.relu(x)
        return self.relu(x + skip)


class ResNet(nn.Module):
    """ResNet-18, 34 or 50 ("v1.5") with a linear head."""

    def __init__(self, depth=50, outputs=257):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        channels = 64
        for layer, count in enumerate(BLOCKS[depth]):
            blocks = []
            for i in range(count):
                blocks.append(Block(channels, 64 << layer, 2 if layer and i == 0 else 1, depth >= 50))
                channels = (64 << layer) * (4 if depth >= 50 else 1)
            setattr(self, f"layer{layer + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.pool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.mean(x, dim=(2, 3)))
