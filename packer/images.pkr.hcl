# `packer build packer` bakes the three images in parallel; `packer build -only=amazon-ebs.redis packer`
# bakes one. playbooks/bake.yml does it only for images whose contents changed. With an image of ours as
# source_ami and release.yml as playbook, a release of the application is made: playbooks/release.yml.

locals {
  region = [for r in [var.region, var.default_region, "eu-central-1"] : r if r != ""][0]
  root   = abspath("${path.root}/..")
  build  = formatdate("YYYYMMDD'T'hhmmss", timestamp())

  app_dir    = var.app_dir == "" ? "${local.root}/examples/chat/backend" : abspath(var.app_dir)
  record_dir = var.record_dir == "" ? "${local.root}/build/images" : abspath(var.record_dir)

  # The fingerprint is no tag here: chatlift.aws.ami sets it once the image is complete.
  provenance = { for name, value in {
    "chatlift:revision" = var.revision
  } : name => value if value != "" }
}

# Packer 1.6 knows no metadata_options. Nothing on the builder asks the metadata service but
# cloud-init, which uses tokens, and chatlift.aws.ami makes IMDSv2 the only one of the image.
source "amazon-ebs" "debian" {
  region              = local.region
  custom_endpoint_ec2 = var.aws_endpoint_url
  vpc_id              = var.vpc_id
  subnet_id           = var.subnet_id
  instance_type       = var.instance_type

  # Both apply: with source_ami empty, the filter chooses.
  source_ami = var.source_ami
  source_ami_filter {
    most_recent = true
    owners      = [var.source_ami_owner]
    filters = {
      name                = var.source_ami_name
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  communicator                          = "ssh"
  ssh_username                          = var.ssh_user
  ssh_interface                         = var.ssh_interface
  temporary_security_group_source_cidrs = var.ssh_source_cidrs

  # An image of ours lets nobody in, and answers nobody before its SSH server does. No part of it
  # changes: this lasts until the builder stops.
  user_data = <<-END
    #cloud-config
    bootcmd:
      - systemctl start --no-block ssh.service
      - systemd-run --no-block --property=After=ssh.service sh -c 'nft delete table inet chatlift || true'
  END

  # An encrypted volume under the builder makes encrypted snapshots; encrypt_boot would copy the
  # whole image once more.
  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_type           = "gp3"
    volume_size           = 8
    iops                  = 3000
    throughput            = 125
    encrypted             = true
    delete_on_termination = true
  }

  # Half an hour at most for AWS to do any one thing.
  aws_polling {
    delay_seconds = var.poll_seconds
    max_attempts  = ceil(1800 / var.poll_seconds)
  }

  run_tags = {
    Name = "chatlift-bake"
  }
}

build {
  source "source.amazon-ebs.debian" {
    name     = "node"
    ami_name = "chatlift-node-${local.build}"
    tags = merge(local.provenance, {
      Name                  = "chatlift-node"
      "chatlift:image"      = "node"
      "chatlift:source-ami" = "{{ .SourceAMI }}"
    })
  }

  source "source.amazon-ebs.debian" {
    name     = "redis"
    ami_name = "chatlift-redis-${local.build}"
    tags = merge(local.provenance, {
      Name                  = "chatlift-redis"
      "chatlift:image"      = "redis"
      "chatlift:source-ami" = "{{ .SourceAMI }}"
    })
  }

  source "source.amazon-ebs.debian" {
    name     = "mysql"
    ami_name = "chatlift-mysql-${local.build}"
    tags = merge(local.provenance, {
      Name                  = "chatlift-mysql"
      "chatlift:image"      = "mysql"
      "chatlift:source-ami" = "{{ .SourceAMI }}"
    })
  }

  provisioner "ansible" {
    playbook_file = "${path.root}/${var.playbook}"
    use_proxy     = false
    user          = var.ssh_user

    # The collection says which Ansible it needs; to ask takes a second of every bake.
    skip_version_check = true

    extra_arguments = concat(
      ["--extra-vars", jsonencode({
        ansible_python_interpreter = "/usr/bin/python3"
        image_name                 = source.name
        node_app_dir               = local.app_dir
        sysprep_image              = source.name
        sysprep_source_ami         = var.source_ami
        sysprep_fingerprint        = var.fingerprint
        sysprep_revision           = var.revision
      })],
      var.ansible_variables == "" ? [] : ["--extra-vars", "@${abspath(var.ansible_variables)}"],
    )

    # The builder is seconds old and nobody knows its host key. Its address may be that of an
    # earlier builder, so each build has connections of its own.
    ansible_env_vars = [
      "ANSIBLE_ROLES_PATH=${local.root}/roles",
      "ANSIBLE_PIPELINING=True",
      "ANSIBLE_HOST_KEY_CHECKING=False",
      "ANSIBLE_SSH_ARGS=-o ControlMaster=auto -o ControlPersist=10m -o UserKnownHostsFile=/dev/null",
      "ANSIBLE_SSH_CONTROL_PATH=%(directory)s/${source.name}-${local.build}",
      "ANSIBLE_CALLBACK_RESULT_FORMAT=json",
      "ANSIBLE_NOCOLOR=True",
    ]
  }

  # Over the connection that Packer has had from the beginning: nobody can open another one by now.
  provisioner "file" {
    direction   = "download"
    source      = "/etc/chatlift/manifest.json"
    destination = "${local.record_dir}/${source.name}.json"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/etc/chatlift/sbom.cdx.json"
    destination = "${local.record_dir}/${source.name}.cdx.json"
  }

  # Which AMIs these records are of.
  post-processor "manifest" {
    output     = "${local.record_dir}/packer.json"
    strip_path = true
    custom_data = {
      image = source.name
    }
  }
}
