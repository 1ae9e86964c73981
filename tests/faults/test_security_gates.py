"""Fault 22 and 23: what no line of the code may do, found in the code itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted((ROOT / "workflow").rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
RUNS_TEXT = {"eval", "exec", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
UNPICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
LOADERS = {"np.load": ("allow_pickle", False), "torch.load": ("weights_only", True)}
MAY_NAME_PICKLE = {  # file: all that it does with it
    "hd_bet.py": ["pickle.UnpicklingError"],  # caught
    "isolation.py": ["pickle.loads(pickle.dumps(error))"],  # tried on what was made in the same line
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keyword(node: ast.Call, name: str) -> object:
    found = [word.value for word in node.keywords if word.arg == name]
    return found[0].value if found and isinstance(found[0], ast.Constant) else None


@pytest.mark.fault(22)
def test_no_text_is_run_by_a_shell_or_as_code() -> None:
    assert len(CODE) > 150
    wrong = [f"{path}: {name}" for path in CODE for name, node in calls(path) if name in RUNS_TEXT]
    wrong += [f"{path}: {name}" for path in CODE for name, node in calls(path) if keyword(node, "shell")]
    assert wrong == []


@pytest.mark.fault(23)
def test_nothing_is_unpickled_and_every_loader_is_restricted() -> None:
    wrong = []
    for path in CODE:
        for name, node in calls(path):
            if name in LOADERS:
                word, value = LOADERS[name]
                wrong += [f"{path}: {name}"] if keyword(node, word) is not value else []
            if name.startswith("yaml.") and name not in ("yaml.safe_load", "yaml.safe_dump", "yaml.YAMLError"):
                wrong.append(f"{path}: {name}")
            if name in ("pd.read_pickle", "np.fromfile", "torch.jit.load", "nib.freesurfer.read_annot"):
                wrong.append(f"{path}: {name}")
        imported = {
            alias.name.split(".")[0]
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in ([ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names)
        }
        if imported & UNPICKLES and path.name not in MAY_NAME_PICKLE:
            wrong.append(f"{path}: imports {imported & UNPICKLES}")
    assert wrong == []


def test_pickle_is_named_where_it_is_caught_and_nowhere_loads() -> None:
    for path in (path for path in CODE if path.name in MAY_NAME_PICKLE):
        found = re.findall(r"pickle\.\w+(?:\(pickle\.\w+\(\w+\)\))?", path.read_text())
        assert found == MAY_NAME_PICKLE[path.name]


@pytest.mark.fault(22)
def test_no_rule_runs_a_shell_with_an_unquoted_placeholder() -> None:
    """Rules run scripts; a shell command that is added one day quotes every placeholder."""
    for path in RULES:
        for body in re.findall(r"^ +shell:\n((?: {8}.*\n)+)", path.read_text(), re.MULTILINE):
            unquoted = re.findall(r"(?<!\{)\{(?!\{)[^{}]*(?<!:q)\}(?!\})", body)
            assert unquoted == [], f"{path}: {unquoted}"
        assert not re.search(r"^ +run:|\bshell\(", path.read_text(), re.MULTILINE), f"{path}: runs a shell from Python"


def constrained(text: str, indent: str) -> set[str]:
    blocks = re.findall(rf"^{indent}wildcard_constraints:\n((?:{indent}    .*\n)+)", text, re.MULTILINE)
    return set(re.findall(rf"^{indent}    (\w+)=", "".join(blocks), re.MULTILINE))


def wildcards(rule: str) -> set[str]:
    """The wildcards of a rule's outputs: names in braces, but those that `expand` or a label fills in."""
    outputs = "".join(re.findall(r"^    output:\n((?: {8}.*\n)+)", rule, re.MULTILINE))
    outputs = re.sub(r"^ +(?:labels|patterns)=.*\n", "", outputs, flags=re.MULTILINE)
    filled = set(re.findall(r"\b(\w+)=(?:STUDY|\(|CONTROLS)", outputs))
    outputs = re.sub(r'f"([^"\n]*)"', lambda text: re.sub(r"(?<!\{)\{\w+\}(?!\})", "", text[0]), outputs)
    return set(re.findall(r"\{+([a-z_]+)\}+", outputs)) - filled


@pytest.mark.fault(22)
def test_every_wildcard_is_constrained() -> None:
    everywhere, used = constrained(RULES[0].read_text(), ""), set()
    for path in RULES:
        for rule in re.split(r"^(?=rule )", path.read_text(), flags=re.MULTILINE)[1:]:
            used |= wildcards(rule)
            free = wildcards(rule) - everywhere - constrained(rule, "    ")
            assert free == set(), f"{path.name}: {rule.splitlines()[0]}"
    assert used >= {"model", "bundle", "size", "metric", "network", "checksum", "control", "features"}
