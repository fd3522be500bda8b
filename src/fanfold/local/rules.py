"""A template's Rules: parameters that contradict each other, refused in the template's own words."""

from collections.abc import Iterator, Mapping
from typing import Any


def broken(rules: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[str]:
    """The description of every assertion that doesn't hold for these parameter values.

    Raises:
        NotImplementedError: a rule uses a function that isn't known here.

    Example:
        >>> assertion = {"Assert": {"Fn::Equals": [{"Ref": "A"}, ""]}, "AssertDescription": "A must be empty"}
        >>> list(broken({"Rule": {"Assertions": [assertion]}}, {"A": "x"}))
        ['A must be empty']
    """
    for rule in rules.values():
        if _value(rule.get("RuleCondition", True), values):
            for assertion in rule["Assertions"]:
                if not _value(assertion["Assert"], values):
                    yield assertion["AssertDescription"]


def _value(expression: Any, values: Mapping[str, str]) -> Any:  # a condition function, or a text
    if not isinstance(expression, dict):
        return expression
    ((function, operand),) = expression.items()
    if function == "Ref":
        return values[operand]
    operands = [_value(inner, values) for inner in operand]
    match function:
        case "Fn::Equals":
            return operands[0] == operands[1]
        case "Fn::Not":
            return not operands[0]
        case "Fn::And":
            return all(operands)
        case "Fn::Or":
            return any(operands)
    raise NotImplementedError(f"The local cloud doesn't know the rule function {function}.")
