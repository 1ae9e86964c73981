"""The encoder of prompts: shapes, zeros where there is nothing to tell, masks, and numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mrisynth.errors import MrisynthError
from mrisynth.networks.text_encoder import EncoderSettings, TextEncoder, pooled
from mrisynth.text.tokenizer import PAD, PromptTokenizer

PROMPTS = ["T1-weighted brain MRI, woman, 63 years", "brain", ""]


@pytest.fixture(scope="module")
def tokenizer() -> PromptTokenizer:
    return PromptTokenizer.train(PROMPTS, length=14)


def built(tokenizer: PromptTokenizer, *, seed: int = 0, **changes) -> TextEncoder:
    torch.manual_seed(seed)
    sizes = {"vocabulary": len(tokenizer.vocabulary), "length": tokenizer.length, "width": 32} | changes
    return TextEncoder(EncoderSettings(**sizes), values=tokenizer.values, places=tokenizer.places)


def tokens_of(tokenizer: PromptTokenizer, prompts: list[str]) -> torch.Tensor:
    return torch.from_numpy(tokenizer.encode(prompts).ids)


@pytest.mark.parametrize("training", [True, False])
def test_padding_and_the_empty_prompt_are_exactly_zero(tokenizer, training):
    encoder, tokens = built(tokenizer).train(training), tokens_of(tokenizer, PROMPTS)
    with torch.set_grad_enabled(training):
        found = encoder(tokens)
    assert found.shape == (3, 14, encoder.width) and found.dtype == torch.float32
    assert torch.equal(found[2], torch.zeros(14, 32)), "zeros are the null condition"
    assert torch.equal(found[0] == 0, (tokens[0] == PAD)[:, None].expand(14, 32))
    assert (found[1, :3] != 0).all() and (found[1, 3:] == 0).all()


def test_padding_changes_nothing(tokenizer):
    encoder = built(tokenizer).eval()
    tokens = tokens_of(tokenizer, ["brain MRI, woman"])
    assert torch.allclose(encoder(tokens)[:, :6], encoder(tokens[:, :6]), atol=1e-6)
    unmasked = built(tokenizer)
    unmasked.masked = False
    assert not torch.allclose(unmasked(tokens)[:, :6], unmasked(tokens[:, :6]), atol=1e-3)
    assert (unmasked(tokens_of(tokenizer, [""])) != 0).any()


def test_the_seed_of_the_caller_decides_and_all_is_trained(tokenizer):
    tokens = tokens_of(tokenizer, PROMPTS)
    one, same, other = built(tokenizer), built(tokenizer), built(tokenizer, seed=1)
    assert torch.equal(one(tokens), same(tokens)) and not torch.equal(one(tokens), other(tokens))
    (one(tokens) * torch.randn(32)).sum().backward()
    assert all(weight.grad is not None for weight in one.parameters())
    weights = [layer.self_attn.in_proj_weight for layer in one.layers]
    assert not torch.equal(*weights), "layers start apart"
    assert set(one.state_dict()) >= {"words.weight", "places.weight", "direction", "layers.1.linear2.bias"}
    one.load_state_dict(other.state_dict())
    assert torch.equal(one(tokens), other(tokens))
    with pytest.raises(MrisynthError, match="cannot have 5 heads"):
        built(tokenizer, heads=5)
    with pytest.raises(MrisynthError, match="prompts of 15 tokens; expected 14"):
        one(torch.ones(1, 15, dtype=torch.int64))


def test_near_numbers_start_near_and_unseen_ones_are_learned():
    """Ages that training never had are told to within two years; before training 59 is nearer 60 than 20."""
    ages = np.arange(20, 90)
    held = np.isin(ages, np.random.default_rng(0).permutation(ages)[:15])
    prompts = [f"woman, {age} years" for age in ages]
    tokenizer = PromptTokenizer.train(prompts, length=8)
    encoder, head = built(tokenizer, layers=1), torch.nn.Linear(32, 1)
    tokens, wanted = tokens_of(tokenizer, prompts), torch.from_numpy((ages - 55) / 20).float()[:, None]
    with torch.no_grad():
        start = pooled(encoder(tokens)).numpy()
    apart = {pair: np.linalg.norm(start[pair[0] - 20] - start[pair[1] - 20]) for pair in ((59, 60), (59, 20), (40, 41))}
    assert apart[59, 60] < 0.6 * apart[59, 20] and apart[40, 41] < 0.2 * apart[59, 20]
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 3e-3)
    for _ in range(150):
        loss = ((head(pooled(encoder(tokens[~held]))) - wanted[~held]) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        error = 20 * (head(pooled(encoder(tokens))) - wanted).abs().numpy()[:, 0]
    assert error[held].max() < 2.0


def test_the_mean_of_an_empty_prompt_is_zero(tokenizer):
    found = built(tokenizer)(tokens_of(tokenizer, PROMPTS))
    assert torch.allclose(pooled(found)[1], found[1, :3].mean(dim=0), atol=1e-6)
    assert torch.equal(pooled(found)[2], torch.zeros(32))
