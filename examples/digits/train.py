"""Learns to read handwritten digits, with a checkpoint after every epoch.

Standard library only: one hidden layer, plain stochastic gradient descent. Goes on from model.json
if it is there, exactly as if it had never stopped.
"""

import gzip
import json
import math
import os
import random
import signal
import sys
import time
from operator import mul

EPOCHS = int(os.environ.get("EPOCHS", "8"))
MODEL, METRICS, PREDICTIONS, HISTORY = "model.json", "metrics.json", "predictions.json", "history"


def checkpoint():
    """Asks 'git exp run' to save this moment; without it, does nothing."""
    if os.environ.get("DVC_CHECKPOINT"):
        path = os.path.join(os.environ["DVC_ROOT"], ".dvc", "tmp", "DVC_CHECKPOINT")
        open(path, "w").close()
        while os.path.exists(path):
            time.sleep(0.001)


def read_params(path="params.yaml"):
    """Reads 'name: number' lines; a real project would use a YAML package."""
    with open(path) as file:
        lines = [line.split("#")[0].split(":", 1) for line in file]
    return {name.strip(): float(value) for name, value in (pair for pair in lines if len(pair) == 2)}


def read_digits(path="digits.csv.gz"):
    """Returns (pixels, digit) pairs: four of five to learn from, the fifth to test with."""
    with gzip.open(path, "rt") as file:
        rows = [[int(word) for word in line.split(",")] for line in file]
    samples = [([pixel / 16 for pixel in row[:64]], row[64]) for row in rows]
    return [s for n, s in enumerate(samples) if n % 5], samples[::5]


class Network:
    """64 pixels, some hidden units with tanh, 10 digits with softmax."""

    def __init__(self, hidden, chance):
        def matrix(rows, columns):
            scale = 1 / math.sqrt(columns)
            return [[chance.gauss(0, scale) for _ in range(columns)] for _ in range(rows)]

        self.first, self.second = matrix(hidden, 65), matrix(10, hidden + 1)

    def forward(self, pixels):
        """Returns what the hidden units say and how probable each digit is."""
        inputs = pixels + [1.0]
        hidden = [math.tanh(sum(map(mul, row, inputs))) for row in self.first] + [1.0]
        scores = [sum(map(mul, row, hidden)) for row in self.second]
        top = max(scores)
        powers = [math.exp(score - top) for score in scores]
        total = sum(powers)
        return hidden, [power / total for power in powers]

    def learn(self, pixels, digit, rate, decay):
        """Moves the weights a little towards the right answer; returns the loss."""
        inputs = pixels + [1.0]
        hidden, probable = self.forward(pixels)
        errors = [p - (n == digit) for n, p in enumerate(probable)]
        keep = 1 - rate * decay
        columns = zip(*self.second)
        back = [sum(map(mul, errors, column)) * (1 - h * h) for column, h in zip(columns, hidden)]
        for row, error in zip(self.second, errors):
            change = rate * error
            row[:] = [keep * weight - change * h for weight, h in zip(row, hidden)]
        for row, error in zip(self.first, back):
            change = rate * error
            row[:] = [keep * weight - change * i for weight, i in zip(row, inputs)]
        return -math.log(max(probable[digit], 1e-12))


def write(path, text):
    """Replaces a file in one step: a reader sees the old text or the new one."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.replace(path + ".new", path)


def history(name, step, value):
    """Adds a row to history/<name>.tsv; rows of a future that was left behind go."""
    path, rows = os.path.join(HISTORY, name + ".tsv"), []
    if step and os.path.exists(path):
        with open(path) as file:
            rows = [row for row in file.readlines()[1:] if int(row.split("\t")[0]) < step]
    os.makedirs(HISTORY, exist_ok=True)
    write(path, "".join([f"step\t{name}\n"] + rows + [f"{step}\t{value}\n"]))


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends training without a traceback
    params = read_params()
    seed, rate, decay = int(params["seed"]), params["lr"], params["weight_decay"]
    to_learn, to_test = read_digits()
    network, step = Network(int(params["hidden"]), random.Random(seed)), 0
    if os.path.exists(MODEL):
        with open(MODEL) as file:
            saved = json.load(file)
        network.first, network.second, step = saved["first"], saved["second"], saved["step"] + 1
        print(f"going on from step {saved['step']}")
    for step in range(step, step + EPOCHS):
        random.Random(seed + step).shuffle(order := list(to_learn))
        loss = sum(network.learn(*sample, rate, decay) for sample in order) / len(order)
        pairs = []
        for pixels, digit in to_test:
            probable = network.forward(pixels)[1]
            pairs.append({"actual": str(digit), "predicted": str(probable.index(max(probable)))})
        acc = sum(pair["actual"] == pair["predicted"] for pair in pairs) / len(pairs)
        print(f"step {step}  loss {loss:.4f}  acc {acc:.4f}")
        sys.stdout.flush()
        write(MODEL, json.dumps({"step": step, "first": network.first, "second": network.second}))
        write(METRICS, json.dumps({"step": step, "loss": loss, "acc": acc}) + "\n")
        write(PREDICTIONS, json.dumps(pairs, indent=0) + "\n")
        history("loss", step, loss)
        history("acc", step, acc)
        checkpoint()


if __name__ == "__main__":
    main()
