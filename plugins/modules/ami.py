#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ami
short_description: Bake an image with Packer, unless there is one with the same contents
version_added: 0.1.0
description:
  - Makes a fingerprint of everything that goes into an image, as contents and not as names, and
    runs C(packer build) only if this account has no available image that was made of the same.
  - Shows what Packer and the Ansible inside it are doing, and keeps all they print in a file.
  - Tags the image with the fingerprint and its parts, its source AMI, the git revision and the
    versions of what was installed, and makes IMDSv2 the only metadata service of its instances.
  - A build that fails or is interrupted leaves no instance behind.
options:
  image:
    description: Name of the image, which is the name of the C(amazon-ebs) source in the templates.
    type: str
    required: true
  template:
    description: Directory of the Packer templates.
    type: path
    required: true
  sources:
    description:
      - Files and directories whose contents go into the image, by the name under which a change of
        theirs is reported.
      - The templates themselves are to be named here too.
    type: dict
    required: true
  ignore:
    description: Patterns of names of files and directories that do not go into the image.
    type: list
    elements: str
    default:
      - node_modules
      - .git
      - .env
      - .env.*
      - .venv
      - .cache
      - __pycache__
      - "*.pyc"
      - "*.egg-info"
      - "*.log"
      - .DS_Store
  source_ami:
    description: Which AMI to start from; of several, the newest.
    type: dict
    default: {}
    suboptions:
      owner:
        description: Account that owns it. The default is Debian's.
        type: str
        default: "136693071363"
      name:
        description: Its name, with wildcards as in EC2's filters.
        type: str
        default: debian-13-amd64-*
  renew:
    description:
      - Names of inputs, in O(sources). The image is then made on top of the newest one that has all
        the other inputs as they are wanted, and not from O(source_ami); O(packer_variables) say
        how.
      - Its fingerprint is that of a whole bake, after which nothing is left to be baked.
      - An image that began with an older AMI of O(source_ami) will do. Where there is none that
        differs in nothing else, the task fails, in check mode as well.
    type: list
    elements: str
    default: []
  variables:
    description:
      - Variables of the roles inside the image. They are part of the fingerprint.
      - Values are handed on as they are; text that looks like a template is not templated again.
    type: dict
    default: {}
  packer_variables:
    description:
      - Variables of the templates, such as C(subnet_id). They say where and how to bake, and
        are not part of the fingerprint.
    type: dict
    default: {}
  revision:
    description: Git revision of the templates and roles, for the image's tag.
    type: str
    default: ""
  records:
    description:
      - Directory on the controller that keeps, of each image that was baked, the record
        C(<image id>.json) and the bill of materials C(<image id>.cdx.json) (CycloneDX).
      - Left out, none is kept; both are inside the image, too.
    type: path
  region:
    description: Region of the image. Left out, that of the environment.
    type: str
  executable:
    description: The command C(packer), 1.6.6 or newer.
    type: str
    default: packer
author:
  - The chatlift authors (@chatlift)
attributes:
  check_mode:
    support: full
    description: Says whether the image would be baked, and why.
  diff_mode:
    support: full
    description: Shows the parts of the fingerprint.
requirements:
  - boto3
  - Packer >= 1.6.6
notes:
  - Everything runs on the controller, with the environment of the task.
"""

EXAMPLES = r"""
- name: Bake the image of the Redis tier
  chatlift.aws.ami:
    image: redis
    template: packer
    sources:
      packer: packer
      base: roles/base
      redis: roles/redis
      member: roles/member
      agent: member/src
      sysprep: roles/sysprep
    variables:
      redis_maxmemory_percent: 50
    packer_variables:
      subnet_id: subnet-0123456789abcdef0
  register: redis_image

- name: Give the image of the app tier another application, in a short run of Packer
  chatlift.aws.ami:
    image: node
    template: packer
    sources:
      packer: packer
      node: roles/node
      app: ../application
    renew: [app]
    packer_variables:
      playbook: release.yml

- name: See what a change of the roles would bake, and why
  chatlift.aws.ami:
    image: redis
    template: packer
    sources: {packer: packer, redis: roles/redis}
  check_mode: true
"""

RETURN = r"""
image_id:
  description: Id of the image. In check mode only when there is one already.
  returned: when there is an image with these contents
  type: str
  sample: ami-0123456789abcdef0
fingerprint:
  description: SHA-256 of everything that goes into the image.
  returned: always
  type: str
inputs:
  description: SHA-256 of each of its parts, by name.
  returned: always
  type: dict
reasons:
  description: Why the image was, or would be, baked.
  returned: always
  type: list
  elements: str
  sample: [redis changed]
source_ami:
  description: Id of the AMI that the image starts from; with O(renew), of the image it is made on.
  returned: always
  type: str
record:
  description: File with the image's record.
  returned: when the image was baked and O(records) is set
  type: str
sbom:
  description: File with the image's bill of materials.
  returned: when the image was baked and O(records) is set
  type: str
versions:
  description: Versions of what was installed, by name.
  returned: when the image was baked
  type: dict
"""
