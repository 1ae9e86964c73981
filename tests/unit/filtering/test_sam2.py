"""SAM 2 from a folder: a small random one is written, loaded and asked; its prompts are what they should be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.annotated_shapes import STRUCTURES, annotated_shapes

from mrisynth.errors import MrisynthError
from mrisynth.filtering.sam2 import Sam2Scorer, box_prompt, load_sam2, mask_prompt
from mrisynth.transformers_bridge import transformers

EDGE = 256


PROMPTS = {"hidden_size": 32, "image_size": EDGE}
DECODER = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16}


def vision():
    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[EDGE, EDGE], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 1, 2, 4],
        window_size_per_stage=[8, 4, 8, 4], global_attention_blocks=[3],
    )  # fmt: skip
    sizes = [[EDGE // parts] * 2 for parts in (4, 8, 16)]
    return transformers.Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=sizes,
        fpn_hidden_size=32,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    config = transformers.Sam2Config(vision_config=vision(), prompt_encoder_config=PROMPTS, mask_decoder_config=DECODER)
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("sam2")
    transformers.Sam2Model(config).save_pretrained(path)
    return path


def test_the_layout_that_is_published_is_that_of_videos_and_loads_whole(tmp_path):
    narrow = {
        "memory_attention_hidden_size": 32, "memory_encoder_hidden_size": 32, "memory_encoder_output_channels": 16,
        "memory_attention_feed_forward_hidden_size": 32, "memory_attention_num_layers": 1,
        "memory_fuser_embed_dim": 32, "memory_fuser_intermediate_dim": 32, "mask_downsampler_embed_dim": 32,
    }  # fmt: skip
    config = transformers.Sam2VideoConfig(
        vision_config=vision(), prompt_encoder_config=PROMPTS, mask_decoder_config=DECODER, image_size=EDGE, **narrow
    )
    video = transformers.Sam2VideoModel(config)
    video.save_pretrained(tmp_path)
    stored, loaded = video.state_dict(), load_sam2(tmp_path).state_dict()
    assert len(stored) > len(loaded) > 200
    assert all(torch.equal(stored[name], value) for name, value in loaded.items())


def test_a_model_in_a_folder_scores_slices(folder):
    images, masks = annotated_shapes(2, seed=0, size=40)
    masks[1][masks[1] == 1] = 0
    scorer = Sam2Scorer.load(folder, STRUCTURES)
    scores = scorer.score(images, masks)
    assert scores.iou.shape == (2, 2)
    assert np.isnan(scores.iou[1, 0]) and np.isnan(scores.confidence[1, 0])
    known = np.isfinite(scores.iou)
    assert known.sum() == 3 and (scores.iou[known] >= 0).all() and (scores.iou[known] <= 1).all()
    assert np.array_equal(known, np.isfinite(scores.confidence))
    again = Sam2Scorer.load(folder, STRUCTURES).score(images, masks)
    assert np.array_equal(again.iou, scores.iou, equal_nan=True)


class Drawing(torch.nn.Module):
    """Stands for SAM 2: draws the box it is asked for, a whole image and nothing, the first being the surest."""

    class config:  # noqa: N801
        class prompt_encoder_config:  # noqa: N801
            image_size = 64

    def get_image_embeddings(self, pixels):
        self.pixels = pixels
        return [pixels]

    def forward(self, *, image_embeddings, input_masks, input_boxes, multimask_output):
        assert multimask_output and image_embeddings[0] is self.pixels and input_masks.shape == (1, 1, 256, 256)
        left, top, right, bottom = (input_boxes[0, 0] / 4).round().int().tolist()
        masks = torch.full((1, 1, 3, 16, 16), -5.0)
        masks[0, 0, 1, top:bottom, left:right] = 5.0
        masks[0, 0, 2] = 5.0

        class Said:
            pred_masks = masks
            iou_scores = torch.tensor([[[0.1, 0.93, 0.4]]])

        return Said


def test_the_surest_of_its_masks_is_compared_at_the_size_of_the_image():
    mask = np.zeros((1, 32, 48), dtype=np.uint8)
    mask[0, 8:16, 12:36] = 2
    scores = Sam2Scorer(model=Drawing(), structures=STRUCTURES).score(np.zeros((1, 32, 48), dtype=np.float32), mask)
    assert scores.iou[0, 1] > 0.9 and scores.confidence[0, 1] == pytest.approx(0.93)
    assert np.isnan(scores.iou[0, 0])


def test_slices_reach_it_square_and_as_it_knows_them():
    model = Drawing()
    mask = np.ones((1, 20, 30), dtype=np.uint8)
    for value, expected in ((-1.0, (0 - 0.485) / 0.229), (1.0, (1 - 0.485) / 0.229)):
        Sam2Scorer(model=model, structures=STRUCTURES).score(np.full((1, 20, 30), value), mask)
        assert model.pixels.shape == (1, 3, 64, 64)
        assert torch.allclose(model.pixels[0, 0], torch.tensor(expected), atol=1e-5)


def test_prompts_are_logits_of_twenty_and_the_box_of_the_mask():
    mask = np.zeros((32, 64), dtype=bool)
    mask[4:8, 16:48] = True
    prompt = mask_prompt(mask)
    assert prompt.shape == (1, 1, 256, 256) and set(prompt.unique().tolist()) == {-20.0, 20.0}
    assert (prompt > 0).float().mean() == pytest.approx(mask.mean())
    assert box_prompt(mask, edge=1024)[0, 0].tolist() == [256.0, 128.0, 768.0, 256.0]


def test_volumes_and_folders_that_hold_no_model_are_refused(folder, tmp_path):
    with pytest.raises(MrisynthError, match="takes slices"):
        Sam2Scorer(model=Drawing(), structures=STRUCTURES).score(np.zeros((1, 8, 8, 8)), np.zeros((1, 8, 8, 8), int))
    with pytest.raises(MrisynthError, match=r"no config\.json and no model\.safetensors"):
        load_sam2(tmp_path)
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in weights if "mask_decoder" in name))
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MrisynthError, match="is missing"):
        load_sam2(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(MrisynthError, match="no whole SAM 2"):
        load_sam2(tmp_path)
