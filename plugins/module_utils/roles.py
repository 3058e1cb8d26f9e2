# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The IAM roles of a stack. They share a path, by which they are found, also to be deleted."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    pages,
    tag_list,
)

VERSION = "2012-10-17"


def trust(service: str, condition: dict[str, Any] | None = None) -> dict[str, Any]:
    """The policy that lets a service of AWS take the role."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if condition:
        statement["Condition"] = condition
    return {"Version": VERSION, "Statement": [statement]}


class Roles:
    """Roles with one inline policy each, those of instances with a profile of the same name."""

    def __init__(self, client: Any, changes: Changes, stack: str) -> None:
        self.client = client
        self.changes = changes
        self.path = f"/chatlift/{stack}/"
        self._roles = {one["RoleName"]: one for one in self._list("roles", "Roles")}
        self._profiles = {
            one["InstanceProfileName"]: one
            for one in self._list("instance_profiles", "InstanceProfiles")
        }

    def _list(self, kind: str, key: str) -> list[dict[str, Any]]:
        found = pages(self.client, f"list_{kind}", key, PathPrefix=self.path)
        return [one for one in found if one["Path"] == self.path]

    @property
    def names(self) -> list[str]:
        """Whatever there is of the stack's roles or profiles."""
        return sorted({*self._roles, *self._profiles})

    def ensure(
        self,
        name: str,
        tags: dict[str, str],
        *,
        policy: str,
        statements: list[dict[str, Any]],
        trusted: dict[str, Any],
        description: str,
    ) -> str:
        """Make the role with its policy, or put both right, and return the role's ARN."""
        role = self._roles.get(name)
        if role is None:
            made = self.changes.apply(
                f"role {name}",
                None,
                trusted,
                self._create_role,
                RoleName=name,
                Path=self.path,
                AssumeRolePolicyDocument=json.dumps(trusted),
                Description=description,
                Tags=tag_list(tags),
            )
            role = made.get("Role", {})
        elif role["AssumeRolePolicyDocument"] != trusted:
            self.changes.apply(
                f"role {name}",
                role["AssumeRolePolicyDocument"],
                trusted,
                self.client.update_assume_role_policy,
                RoleName=name,
                PolicyDocument=json.dumps(trusted),
            )
        self._ensure_policy(name, policy, {"Version": VERSION, "Statement": statements})
        return str(role.get("Arn", ""))

    def _create_role(self, **arguments: Any) -> Any:
        try:
            return self.client.create_role(**arguments)
        except self.client.exceptions.EntityAlreadyExistsException as error:
            name = arguments["RoleName"]
            raise ChatliftError(
                f"The account has a role {name} at another path than {self.path}, so it is not this"
                f" stack's. Delete that role if nothing uses it, or choose another chatlift_stack."
            ) from error

    def _ensure_policy(self, name: str, policy: str, wanted: dict[str, Any]) -> None:
        before = self._policy(name, policy) if name in self._roles else None
        if before != wanted:
            self.changes.apply(
                f"policy {policy} of {name}",
                before,
                wanted,
                self.client.put_role_policy,
                RoleName=name,
                PolicyName=policy,
                PolicyDocument=json.dumps(wanted),
            )

    def _policy(self, name: str, policy: str) -> dict[str, Any] | None:
        try:
            present = self.client.get_role_policy(RoleName=name, PolicyName=policy)
        except self.client.exceptions.NoSuchEntityException:
            return None
        return dict(present["PolicyDocument"])

    def ensure_profile(self, name: str, tags: dict[str, str]) -> None:
        """Make the instance profile through which instances have the role of the same name."""
        profile = self._profiles.get(name)
        if profile is None:
            self.changes.apply(
                f"instance profile {name}",
                None,
                "present",
                self.client.create_instance_profile,
                InstanceProfileName=name,
                Path=self.path,
                Tags=tag_list(tags),
            )
            profile = {"Roles": []}
        if name not in [role["RoleName"] for role in profile["Roles"]]:
            self.changes.apply(
                f"role of instance profile {name}",
                None,
                name,
                self.client.add_role_to_instance_profile,
                InstanceProfileName=name,
                RoleName=name,
            )

    def delete(self, name: str) -> None:
        """Profile and inline policies first: IAM deletes only a role that has neither."""
        self._delete_profile(name)
        if name not in self._roles:
            return
        for policy in self.client.list_role_policies(RoleName=name)["PolicyNames"]:
            self.changes.apply(
                f"policy {policy} of {name}",
                "present",
                None,
                self.client.delete_role_policy,
                RoleName=name,
                PolicyName=policy,
            )
        self.changes.apply(f"role {name}", "present", None, self._delete_role, RoleName=name)

    def _delete_profile(self, name: str) -> None:
        if name not in self._profiles:
            return
        what = f"instance profile {name}"
        for role in self._profiles[name]["Roles"]:
            self.changes.apply(
                f"role of {what}",
                role["RoleName"],
                None,
                self.client.remove_role_from_instance_profile,
                InstanceProfileName=name,
                RoleName=role["RoleName"],
            )
        self.changes.apply(
            what, "present", None, self.client.delete_instance_profile, InstanceProfileName=name
        )

    def _delete_role(self, **arguments: Any) -> None:
        try:
            self.client.delete_role(**arguments)
        except Exception as error:
            if error_code(error) != "DeleteConflict":
                raise
            raise ChatliftError(
                f"The role {arguments['RoleName']} has policies that somebody attached by hand."
                f" Detach them, then run this again."
            ) from error
