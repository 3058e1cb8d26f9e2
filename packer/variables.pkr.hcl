# Where to bake. The defaults are those of any AWS client: the environment of the shell.

variable "region" {
  type        = string
  default     = env("AWS_REGION")
  description = "Region of the builder and of the image. Empty: AWS_DEFAULT_REGION, then eu-central-1."
}

variable "default_region" {
  type    = string
  default = env("AWS_DEFAULT_REGION")
}

variable "aws_endpoint_url" {
  type        = string
  default     = env("AWS_ENDPOINT_URL")
  description = "Address of the EC2 API. Empty: that of AWS in the region."
}

variable "vpc_id" {
  type        = string
  default     = ""
  description = "VPC of the builder. Empty: the default VPC."
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "Subnet of the builder. Empty: one of the default VPC's."
}

variable "instance_type" {
  type    = string
  default = "c7i.large"
}

variable "ssh_user" {
  type        = string
  default     = "admin"
  description = "Default user of the source AMI."
}

variable "ssh_interface" {
  type        = string
  default     = ""
  description = "private_ip or public_ip: the builder's address that Packer connects to. Empty: the public one, if it has one."
}

variable "ssh_source_cidrs" {
  type        = list(string)
  default     = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
  description = "Addresses that may connect to the builder over SSH: where Packer runs. From outside the VPC, name your own address."
}

variable "poll_seconds" {
  type        = number
  default     = 3
  description = "Seconds between two questions whether AWS has done what it was asked for."
}

# What to bake.

variable "playbook" {
  type        = string
  default     = "provision.yml"
  description = "What is done to the builder. release.yml takes an image of ours as source_ami, and gives it another application."
}

variable "source_ami" {
  type        = string
  default     = ""
  description = "AMI to start from. Empty: the newest that source_ami_name and source_ami_owner select."
}

variable "source_ami_name" {
  type    = string
  default = "debian-13-amd64-*"
}

variable "source_ami_owner" {
  type        = string
  default     = "136693071363"
  description = "Account that owns the source AMI; the default is Debian's."
}

variable "app_dir" {
  type        = string
  default     = ""
  description = "Directory of the application's backend. Empty: the example's."
}

variable "ansible_variables" {
  type        = string
  default     = ""
  description = "JSON file with variables of the image's roles. Empty: the roles' defaults."
}

variable "record_dir" {
  type        = string
  default     = ""
  description = "Directory that gets each image's manifest and bill of materials (CycloneDX). Empty: build/images of this repository."
}

# What the image says about itself.

variable "fingerprint" {
  type        = string
  default     = ""
  description = "Fingerprint of everything that goes into the image; chatlift.aws.ami knows it."
}

variable "revision" {
  type        = string
  default     = ""
  description = "Git revision of the templates and roles."
}
