"""A volume is formatted only when it is wholly empty, and never taken from another instance."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_member import volume
from chatlift_member.errors import AgentError, NotInTime
from chatlift_member.volume import Signature, parse_blkid, plan_format
from chatlift_member.wait import Deadline


def test_an_empty_volume_is_formatted_and_the_members_own_is_kept() -> None:
    assert plan_format(Signature(), "redis-a1") == "format"
    assert plan_format(Signature("ext4", "redis-a1"), "redis-a1") == "keep"


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        (Signature("xfs", "redis-a1"), "holds 'xfs'"),
        (Signature("ext4", "redis-b1"), "labelled 'redis-b1', so it is not the one of redis-a1"),
        (Signature("ext4"), "labelled ''"),
        (Signature("partition table gpt"), "holds 'partition table gpt'"),
        (Signature("crypto_LUKS"), "holds 'crypto_LUKS'"),
    ],
)
def test_a_foreign_volume_is_refused(signature: Signature, says: str) -> None:
    with pytest.raises(AgentError, match=f"{says}.*nothing was written"):
        plan_format(signature, "redis-a1")


def test_blkid_is_understood() -> None:
    assert parse_blkid("DEVNAME=/dev/x\nLABEL=redis-a1\nTYPE=ext4\n") == Signature(
        "ext4", "redis-a1"
    )
    assert parse_blkid("DEVNAME=/dev/x\nPTTYPE=gpt\n") == Signature("partition table gpt")
    assert parse_blkid("DEVNAME=/dev/x\n").type != ""


def test_the_device_is_named_as_udev_names_it() -> None:
    assert str(volume.device_path("vol-0123456789abcdef0")) == (
        "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0"
    )


class Ec2:
    """A volume whose states follow one another."""

    def __init__(self, *states: tuple[str, str]) -> None:
        self.states = list(states)
        self.attached_to: list[str] = []

    def describe_volumes(self, VolumeIds: list[str]) -> dict[str, Any]:
        state, holder = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        attachments = [{"InstanceId": holder, "State": "attached"}] if holder else []
        return {"Volumes": [{"State": state, "Attachments": attachments}]}

    def attach_volume(self, **call: str) -> None:
        self.attached_to.append(call["InstanceId"])


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    path = tmp_path / "device"
    path.touch()
    monkeypatch.setattr(volume, "device_path", lambda _: path)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return path


def test_attaching_waits_for_the_instance_before(device: Any) -> None:
    ec2 = Ec2(("in-use", "i-old"), ("available", ""), ("in-use", "i-new"))
    assert volume.attach(ec2, "vol-1", "i-new", Deadline(5)) == device
    assert ec2.attached_to == ["i-new"]


def test_a_restarted_agent_attaches_nothing(device: Any) -> None:
    ec2 = Ec2(("in-use", "i-new"))
    assert volume.attach(ec2, "vol-1", "i-new", Deadline(5)) == device
    assert ec2.attached_to == []


def test_a_volume_that_is_never_let_go_is_a_sentence(device: Any) -> None:
    with pytest.raises(
        NotInTime, match="volume vol-1 to be attached; last seen: attached at i-old"
    ):
        volume.attach(Ec2(("in-use", "i-old")), "vol-1", "i-new", Deadline(0))


def test_a_missing_volume_is_not_waited_for(device: Any) -> None:
    class Gone:
        def describe_volumes(self, **_: Any) -> None:
            error = {"Error": {"Code": "InvalidVolume.NotFound", "Message": "no"}}
            raise ClientError(error, "DescribeVolumes")

    with pytest.raises(AgentError, match="The volume vol-1 does not exist"):
        volume.attach(Gone(), "vol-1", "i-new", Deadline(60))


def test_a_file_system_fills_its_device_and_is_mounted_even_if_it_cannot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(volume, "_run", lambda *command: ran.append(command))
    monkeypatch.setattr(volume, "probe", lambda _: Signature("ext4", "mysql-a1"))
    volume.mount(tmp_path / "device", "mysql-a1", tmp_path / "data")
    assert [command[0] for command in ran] == ["mount", "resize2fs"]

    def refuse(*command: str) -> None:
        raise AgentError(f"{command[0]} failed (exit 1).")

    monkeypatch.setattr(volume, "_run", refuse)
    volume.grow(tmp_path / "device", tmp_path / "data")
    assert "keeps its size: resize2fs failed (exit 1)." in caplog.text


def test_a_device_that_grows_in_use_is_filled_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    grown: list[Any] = []
    monkeypatch.setattr(volume, "grow", lambda *given: grown.append(given))
    device, target = tmp_path / "device", tmp_path / "data"
    device.write_bytes(b"\0" * 10)
    disk = volume.Disk(device, target)
    disk.heal()
    assert grown == []
    device.write_bytes(b"\0" * 20)
    disk.heal()
    disk.heal()
    assert grown == [(device, target)]
    device.unlink()
    disk.heal()
    assert grown == [(device, target)]
