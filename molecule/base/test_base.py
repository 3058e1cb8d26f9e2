"""What the role base leaves on a host."""


def test_packages_are_not_updated_behind_the_image(host):
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.service(timer).is_masked


def test_clock_asks_the_given_servers(host):
    sources = host.file("/etc/chrony/sources.d/chatlift.sources")
    assert "server 192.0.2.123" in sources.content_string
