"""The figures in RESULTS.md equal those in its result files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

import rppg_fast as rf
from training.confidence.evaluate import as_markdown as trust_as_markdown
from training.evaluate.beats import markdown as beats_as_markdown
from training.evaluate.cards import ASSETS, CARDS, GROUPS, HEAD, Card, section, with_scores
from training.evaluate.injected import markdown as injected_as_markdown
from training.evaluate.tables import FORMAT, as_markdown

ROOT = Path(__file__).parents[2]
TRAINING = ROOT / "training"
RESULTS = sorted((TRAINING / "results").glob("*.json"))
INJECTED = sorted((TRAINING / "results" / "injected").glob("*.json"))


def test_there_are_results() -> None:
    assert RESULTS
    assert INJECTED


@pytest.mark.parametrize("path", RESULTS, ids=[path.stem for path in RESULTS])
def test_each_table_stands_in_the_text_as_its_file_has_it(path: Path) -> None:
    table = json.loads(path.read_text(encoding="utf-8"))
    assert table["format"] == FORMAT
    text = (TRAINING / "RESULTS.md").read_text(encoding="utf-8")
    assert f"results/{path.name}" in text
    assert as_markdown(table) in text


@pytest.mark.parametrize("path", INJECTED, ids=[path.stem for path in INJECTED])
def test_known_pulses_in_carriers_stand_in_the_text(path: Path) -> None:
    report = json.loads(path.read_text(encoding="utf-8"))
    text = (TRAINING / "RESULTS.md").read_text(encoding="utf-8")
    assert f"results/injected/{path.name}" in text
    assert injected_as_markdown(report["rows"]) in text


def test_beats_stand_in_the_text() -> None:
    report = json.loads((TRAINING / "results" / "beats" / "beats.json").read_text("utf-8"))
    assert beats_as_markdown(report) in (TRAINING / "RESULTS.md").read_text(encoding="utf-8")


def test_what_readings_are_worth_stands_in_the_text() -> None:
    found = json.loads((TRAINING / "results" / "trust" / "trust.json").read_text(encoding="utf-8"))
    text = (TRAINING / "RESULTS.md").read_text(encoding="utf-8")
    assert trust_as_markdown(found["table"]) in text
    assert trust_as_markdown(found["kinds"]) in text
    assert found["min_confidence"] == rf.PulseSettings().min_confidence
    header = (ROOT / "csrc" / "reading" / "confidence_weights.hpp").read_text(encoding="utf-8")
    assert found["source"]["sha256"][:12] in header


@pytest.mark.parametrize("card", CARDS, ids=[card.file for card in CARDS])
def test_the_cards_of_the_weights_have_their_scores(card: Card) -> None:
    text = (ASSETS / card.file).read_text(encoding="utf-8")
    groups = json.loads(GROUPS.read_text(encoding="utf-8"))
    assert with_scores(text, section(card, groups)) == text
    assert text.count(HEAD) == 1
