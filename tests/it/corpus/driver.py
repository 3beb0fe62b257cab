"""Runs DVC for many projects in one process: a JSON request per line in, a JSON answer per line out.

A request is {"dir", "do", "targets"}; an answer has what was asked for, or {"error"}.
"""
import json
import logging
import os
import sys

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from dvc.repo import Repo  # noqa: E402

logging.getLogger("dvc").setLevel(logging.CRITICAL)


def reproduce(repo, targets):
    done = repo.reproduce(targets=targets or None)
    ran = [stage.addressing for stage in done if stage.cmd]
    return {"ran": ran, **told(repo)}


def told(repo):
    repo._reset()
    edges = [[a.addressing, b.addressing] for a, b in repo.index.graph.edges]
    uncached = [
        out.hash_info.value
        for stage in repo.index.stages
        for out in stage.outs
        if not out.use_cache and out.hash_info
    ]
    return {"edges": edges, "uncached": uncached, "status": repo.status()}


def status(repo, _targets):
    return {"status": repo.status()}


DOES = {"reproduce": reproduce, "status": status}

for line in sys.stdin:
    request = json.loads(line)
    os.chdir(request["dir"])
    try:
        with Repo() as repo:
            answer = DOES[request["do"]](repo, request.get("targets"))
    except Exception as error:  # noqa: BLE001
        causes = []
        while error is not None:
            causes.append(str(error))
            error = error.__cause__
        answer = {"error": ": ".join(causes)}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
