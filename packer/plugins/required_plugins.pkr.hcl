# Packer 1.7 and newer: `packer init packer/plugins` installs these. The block stands in a directory
# of its own because Packer 1.6, which has the plugins built in, refuses it.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3.0"
    }
    ansible = {
      source  = "github.com/hashicorp/ansible"
      version = ">= 1.1.0"
    }
  }
}
