"""AMIs as directories: what an instance wrote, on top of what it was launched from.

``cache/images/<id>/layer`` holds the files and ``image.json`` names the layers below it. Making an
image is renaming the upper directory of a stopped host.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from chatlift_rehearsal.model import ImageView
from chatlift_rehearsal.settings import Settings


class Images:
    """The bodies of the AMIs of one rehearsal, and what the API said of them."""

    def __init__(self, settings: Settings, base: Path) -> None:
        self._cache = settings.cache
        self._directory = settings.cache / "images"
        self._directory.mkdir(parents=True, exist_ok=True)
        self._base = base
        self._layers: dict[str, list[Path]] = {}
        self._saved: dict[str, ImageView | None] = {}
        for description in self._directory.glob("ami-*/image.json"):
            self._load(description)

    def _load(self, description: Path) -> None:
        contents = json.loads(description.read_text())
        layers = [self._cache / layer for layer in contents["layers"]]
        # An image whose base is gone, or that was never finished, is of no use to anybody.
        if all(layer.is_dir() for layer in layers):
            image = contents["image"]
            self._layers[description.parent.name] = layers
            self._saved[description.parent.name] = _image(image) if image else None

    def saved(self) -> dict[str, ImageView | None]:
        """All images that have a body, with what was last saved of them."""
        return dict(self._saved)

    def layers(self, image_id: str) -> list[Path]:
        """The directories an instance of this image starts from, topmost first.

        An image without a body is the seed: the Debian base itself.
        """
        return self._layers.get(image_id, [self._base])

    def commit(self, image_id: str, upper: Path, below: Sequence[Path]) -> list[Path]:
        """Make an image of a stopped host's ``upper`` directory on the layers ``below``.

        The directory moves; the host starts again from the layers returned, with nothing of its
        own.
        """
        unfinished = self._directory / f"{image_id}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        layers = [self._directory / image_id / "layer", *below]
        _describe(unfinished, self._names(layers), None)
        upper.rename(unfinished / "layer")
        unfinished.rename(self._directory / image_id)
        self._layers[image_id] = layers
        self._saved[image_id] = None
        return layers

    def save(self, image: ImageView) -> None:
        """Write down what the API says of an image."""
        _describe(self._directory / image.id, self._names(self._layers[image.id]), image)
        self._saved[image.id] = image

    def remove(self, image_id: str) -> None:
        """Delete an image's body, which no other image and no host may be based on."""
        del self._saved[image_id], self._layers[image_id]
        shutil.rmtree(self._directory / image_id)

    def in_use(self, layers_of_hosts: Iterable[Sequence[Path]]) -> set[str]:
        """The images that other images, or hosts with these layers, are based on."""
        below = [layers[1:] for layers in self._layers.values()]
        used = {layer for layers in (*below, *layers_of_hosts) for layer in layers}
        return {image_id for image_id, layers in self._layers.items() if layers[0] in used}

    def tidy(self) -> None:
        """Remove what no image needs: unfinished or useless images, and older bases."""
        keep = {self._base, *(layer for layers in self._layers.values() for layer in layers)}
        for path in [*self._directory.iterdir(), *self._base.parent.glob("*/")]:
            if path not in keep and path / "layer" not in keep:
                shutil.rmtree(path)

    def _names(self, layers: Sequence[Path]) -> list[str]:
        return [str(layer.relative_to(self._cache)) for layer in layers]


def _describe(directory: Path, layers: list[str], image: ImageView | None) -> None:
    contents = {"layers": layers, "image": asdict(image) if image else None}
    unfinished = directory / "image.json.new"
    unfinished.write_text(json.dumps(contents, indent=1))
    unfinished.rename(directory / "image.json")


def _image(saved: dict[str, object]) -> ImageView:
    # A cache may have been written by an older version, with fields that are no more.
    known = {field.name for field in fields(ImageView)}
    return ImageView(**{k: v for k, v in saved.items() if k in known})  # type: ignore[arg-type]
