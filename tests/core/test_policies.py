"""The table of admission policies, and what becomes of a row.

- every policy is bound, denies, and looks at the namespaces of previews only
- a row that puts something in mutates where the field is not set; a row with rules validates
- every message names the field first and the cure last
"""

from __future__ import annotations

import re

import pytest

from kubepreview.core import admission, keys, policies
from kubepreview.core.policy import Policy, Rule
from kubepreview.core.wire import Object

POLICIES = [obj for obj in admission.admission_policies("kubepreview") if not obj["kind"].endswith("Binding")]
BINDINGS = [obj for obj in admission.admission_policies("kubepreview") if obj["kind"].endswith("Binding")]
RULES = [rule for policy in policies.POLICIES for rule in policy.rules]
# A message stands in one line of a terminal or a comment, after the object's name.
_FIELD = re.compile(r"^((spec|metadata)\.)?[a-zA-Z]+ (is|has) ")
_CURES = (
    *("leave the field out", "remove the volume", "remove the key", "remove the object"),
    *("`kubepreview up`", "name it by its digest", "use one from there", "choose another name"),
)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_policy_looks_at_previews_only(policy: Object) -> None:
    """Its selector demands the label that only the controller's namespaces carry; or it looks at us."""
    if policy["metadata"]["name"].startswith(keys.CONTROLLER):
        (condition,) = policy["spec"]["matchConditions"]
        assert condition["expression"].endswith(f":{keys.CONTROLLER}'")
        return
    selector = policy["spec"]["matchConstraints"]["namespaceSelector"]["matchLabels"]

    assert selector[keys.MANAGED] == "true"


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_policy_fails_closed(policy: Object) -> None:
    """An expression that cannot be evaluated refuses the request."""
    assert policy["spec"]["failurePolicy"] == "Fail"


def test_each_policy_has_its_binding() -> None:
    """One binding a policy, of its kind and name; those that validate deny."""
    assert [(each["kind"] + "Binding", each["metadata"]["name"]) for each in POLICIES] == [
        (each["kind"], each["spec"]["policyName"]) for each in BINDINGS
    ]
    denying = [each for each in BINDINGS if each["kind"].startswith("Validating")]
    assert all(each["spec"]["validationActions"] == ["Deny"] for each in denying)


@pytest.mark.parametrize("policy", policies.POLICIES, ids=lambda each: each.name)
def test_a_row_either_puts_in_or_requires(policy: Policy) -> None:
    """A row mutates or validates; one that mutates leaves alone what an author has set, who is told."""
    assert policy.mutates != bool(policy.rules)
    assert not (policy.puts_in and policy.patches)
    assert not policy.mutates or "!" in policy.when


@pytest.mark.parametrize("rule", RULES, ids=lambda each: each.message.split()[0])
def test_a_message_names_field_rule_and_cure(rule: Rule) -> None:
    """It begins with the field, ends with what to do, and is one line."""
    assert _FIELD.match(rule.message), rule.message
    cure = rule.message.rpartition("; ")[2]
    assert cure.startswith(_CURES), rule.message
    assert "\n" not in rule.message


def test_userns_is_asked_for_in_userns_namespaces_only() -> None:
    """A project under `restricted` does not need user namespaces, so its pods are not given any."""
    about_users = [each for each in POLICIES if "hostUsers" in str(each["spec"])]

    assert len(about_users) == 2
    for policy in about_users:
        selector = policy["spec"]["matchConstraints"]["namespaceSelector"]["matchLabels"]
        assert selector[keys.POD_PROFILE] == "userns"


def test_pods_are_looked_at_when_they_are_created() -> None:
    """The scheduler and the kubelet write pods later; no rule may stand in their way."""
    for policy in policies.POLICIES:
        if ("", "pods") in policy.resources and "userInfo" not in policy.when:
            assert policy.operations == ("CREATE",)
