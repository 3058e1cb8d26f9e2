from __future__ import annotations

import pytest
from chatlift_rehearsal.controllers.images import (
    CommitImage,
    DeleteImage,
    ReportImage,
    SaveImage,
    plan_images,
)
from chatlift_rehearsal.machine.images import Images
from chatlift_rehearsal.model import ImageView
from chatlift_rehearsal.settings import Settings

from .views import cloud, instance

PENDING = ImageView("ami-1", "node", "pending", source_instance="i-1")
AVAILABLE = ImageView("ami-1", "node", "available", source_instance="i-1", tags={"k": "v"})


def test_a_pending_image_is_made_of_its_instance():
    builder = instance(state="stopped")
    view = cloud(images=(PENDING,), instances=(builder,))
    assert plan_images(view, {}, set()) == [CommitImage(PENDING, builder)]


def test_an_image_whose_body_is_there_is_reported_then_written_down():
    assert plan_images(cloud(images=(PENDING,)), {"ami-1": None}, set()) == [ReportImage("ami-1")]
    available = cloud(images=(AVAILABLE,))
    assert plan_images(available, {"ami-1": None}, set()) == [SaveImage(AVAILABLE)]
    assert plan_images(available, {"ami-1": AVAILABLE}, set()) == []


def test_a_seed_needs_nothing():
    seed = ImageView("ami-0", "debian-13", "available", owner="136693071363")
    assert plan_images(cloud(images=(seed,)), {}, set()) == []


def test_a_deregistered_image_is_deleted_once_nothing_is_based_on_it():
    assert plan_images(cloud(), {"ami-1": AVAILABLE}, {"ami-1"}) == []
    assert plan_images(cloud(), {"ami-1": AVAILABLE}, set()) == [DeleteImage("ami-1")]


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path)


@pytest.fixture
def base(settings):
    root = settings.cache / "base/abc"
    root.mkdir(parents=True)
    return root


def upper(tmp_path, name):
    directory = tmp_path / f"upper-{name}"
    directory.mkdir()
    (directory / name).write_text(name)
    return directory


def test_an_image_is_its_upper_directory_on_what_it_was_launched_from(settings, base, tmp_path):
    images = Images(settings, base)
    assert images.layers("ami-seed") == [base]
    node = images.commit("ami-1", upper(tmp_path, "node"), images.layers("ami-seed"))
    release = images.commit("ami-2", upper(tmp_path, "app"), images.layers("ami-1"))
    assert release == [settings.cache / "images/ami-2/layer", *node]
    assert (node[0] / "node").read_text() == "node"
    assert not (tmp_path / "upper-node").exists()
    assert images.in_use([]) == {"ami-1"}
    assert images.in_use([release]) == {"ami-1", "ami-2"}


def test_the_next_session_has_the_same_images(settings, base, tmp_path):
    images = Images(settings, base)
    layers = images.commit("ami-1", upper(tmp_path, "node"), [base])
    images.save(AVAILABLE)
    again = Images(settings, base)
    assert again.saved() == {"ami-1": AVAILABLE}
    assert again.layers("ami-1") == layers


def test_what_no_image_needs_is_tidied_away(settings, base, tmp_path):
    older = settings.cache / "base/older"
    unused = settings.cache / "base/unused"
    for directory in (older, unused, settings.cache / "images/ami-9.new"):
        directory.mkdir(parents=True)
    images = Images(settings, base)
    images.commit("ami-1", upper(tmp_path, "node"), [older])
    images.tidy()
    assert sorted(path.name for path in (settings.cache / "base").iterdir()) == ["abc", "older"]
    assert [path.name for path in (settings.cache / "images").iterdir()] == ["ami-1"]


def test_an_image_without_its_base_is_forgotten(settings, base, tmp_path):
    images = Images(settings, base)
    lost = settings.cache / "base/lost"
    images.commit("ami-1", upper(tmp_path, "node"), [lost])
    again = Images(settings, base)
    assert again.saved() == {}
    again.tidy()
    assert not list((settings.cache / "images").iterdir())
