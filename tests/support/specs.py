"""Specs as values, from the JSON that a test writes."""

from __future__ import annotations

from typing import Any

from skerry.model.spec import Spec
from skerry.model.specs import EndpointSpec, ServiceSpec, TaskTemplate


def of_service(raw: Any) -> Spec[ServiceSpec]:
    """The spec of a service."""
    return Spec(ServiceSpec, raw)


def of_task(raw: Any) -> Spec[TaskTemplate]:
    """What a task is made from."""
    return Spec(TaskTemplate, raw)


def of_endpoint(raw: Any) -> Spec[EndpointSpec]:
    """How a service is reached."""
    return Spec(EndpointSpec, raw)
