"""Render's blueprints as their documentation describes them (read in November 2026), as far as ours reach.

What is known here of the format is told at https://render.com/docs/blueprint-spec and where that leads to.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

_OF_ALL = {
    *("type", "name", "region", "plan", "runtime", "repo", "branch", "rootDir", "buildFilter", "image"),
    *("buildCommand", "preDeployCommand", "startCommand", "dockerCommand", "dockerContext", "dockerfilePath"),
    *("registryCredential", "envVars", "autoDeploy", "autoDeployTrigger"),
}
_OF_SERVERS = _OF_ALL | {
    *("numInstances", "scaling", "healthCheckPath", "domain", "domains", "disk", "previews", "initialDeployHook"),
    *("maintenanceMode", "maxShutdownDelaySeconds", "ipAllowList", "renderSubdomainPolicy"),
}
SERVICES = {"web": _OF_SERVERS, "pserv": _OF_SERVERS, "worker": _OF_SERVERS, "cron": _OF_ALL | {"schedule"}}
"""The keys that a service of each type may have."""

DATABASE = {
    *("name", "databaseName", "user", "region", "plan", "diskSizeGB", "storageAutoscalingEnabled", "connectionPool"),
    *("previewPlan", "previewDiskSizeGB", "postgresMajorVersion", "highAvailability", "ipAllowList", "readReplicas"),
}
TOP = {"services", "databases", "envVarGroups", "projects", "ungrouped", "previews", "version"}
REGIONS = {"oregon", "ohio", "virginia", "frankfurt", "singapore"}
RUNTIMES = {"docker", "elixir", "go", "image", "node", "python", "ruby", "rust"}
PLANS = {"starter", "standard", "pro", "pro plus", "pro max", "pro ultra"}
PLANS_OF_DATABASES = {"free", "basic-256mb", "basic-1gb", "basic-4gb", "pro-4gb", "pro-8gb", "pro-16gb", "pro-32gb"}
POSTGRES = {str(version) for version in range(13, 19)}
OF_A_DATABASE = {"connectionString", "connectionPoolString", "host", "port", "user", "password", "database"}
OF_A_SERVICE = {"host", "port", "hostport"}
SOURCES = ("value", "generateValue", "sync", "fromDatabase", "fromService", "fromGroup")
IN_GROUPS = {"value", "generateValue"}
CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
"""The least and the greatest number of each field of a schedule."""

Blueprint = dict[str, Any]


def read(name: str) -> Blueprint:
    """One of our blueprints."""
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def complaints(blueprint: Blueprint) -> list[str]:
    """What Render would not take, or we should not give it; one line each."""
    return [
        *_outside(blueprint, "the file", TOP, set()),
        *_databases(blueprint),
        *_services(blueprint),
        *_groups(blueprint),
    ]


def _databases(blueprint: Blueprint) -> Iterator[str]:
    for each in _listed(blueprint, "databases"):
        where = f"database {each.get('name')}"
        yield from _outside(each, where, DATABASE, {"name"})
        yield from _one_of(each, where, region=REGIONS, plan=PLANS_OF_DATABASES, postgresMajorVersion=POSTGRES)
        size = each.get("diskSizeGB", 1)
        if type(size) is not int or (size != 1 and (size < 5 or size % 5)):
            yield f"{where}: {size!r} is no size of a disk"
        for allowed in each.get("ipAllowList", [{"source": "everybody"}]):
            yield f"{where}: {allowed['source']} may reach it"


def _services(blueprint: Blueprint) -> Iterator[str]:
    names = [each.get("name") for each in _listed(blueprint, "services") + _listed(blueprint, "databases")]
    yield from (f"{name} is there twice" for name in {*names} if names.count(name) > 1)
    for each in _listed(blueprint, "services"):
        where, kind = f"service {each.get('name')}", each.get("type")
        if kind not in SERVICES:
            yield f"{where}: {kind!r} is no type"
            continue
        needed = {"type", "name", "runtime", "plan", "region", "buildCommand", "startCommand"}
        yield from _outside(each, where, SERVICES[kind], needed | ({"schedule"} if kind == "cron" else set()))
        yield from _one_of(each, where, region=REGIONS, plan=PLANS, runtime=RUNTIMES)
        if kind == "cron" and not is_cron(each.get("schedule")):
            yield f"{where}: {each.get('schedule')!r} is no schedule"
        if not str(each.get("healthCheckPath", "/")).startswith("/"):
            yield f"{where}: its health is no path"
        yield from _disk(each, where)
        for variable in each.get("envVars", []):
            yield from _variable(variable, where, blueprint, {*SOURCES})


def _disk(service: Mapping[str, Any], where: str) -> Iterator[str]:
    disk = service.get("disk")
    if disk is None:
        return
    yield from _outside(disk, f"{where}, its disk", {"name", "mountPath", "sizeGB"}, {"name", "mountPath"})
    if not re.fullmatch(r"(/[a-z0-9_-]+)+", str(disk.get("mountPath"))):
        yield f"{where}: its disk is at no path"
    if type(disk.get("sizeGB", 10)) is not int or disk.get("sizeGB", 10) < 1:
        yield f"{where}: its disk has no size"
    if service.get("numInstances", 1) != 1 or "scaling" in service:
        yield f"{where}: a disk is for a single instance"


def _groups(blueprint: Blueprint) -> Iterator[str]:
    for each in _listed(blueprint, "envVarGroups"):
        where = f"group {each.get('name')}"
        yield from _outside(each, where, {"name", "envVars"}, {"name", "envVars"})
        for variable in each.get("envVars", []):
            yield from _variable(variable, where, blueprint, IN_GROUPS)


def _variable(variable: Mapping[str, Any], where: str, blueprint: Blueprint, allowed: set[str]) -> Iterator[str]:
    where = f"{where}, {variable.get('key') or variable.get('fromGroup')}"
    sources = [source for source in SOURCES if source in variable]
    if len(sources) != 1:
        yield f"{where}: has {len(sources)} sources"
        return
    [source] = sources
    if source not in allowed:
        yield f"{where}: {source} cannot be there"
    yield from _outside(variable, where, {"key", source} - ({"key"} if source == "fromGroup" else set()), set())
    if source != "fromGroup" and not re.fullmatch(r"[A-Z][A-Z0-9_]*", str(variable.get("key"))):
        yield f"{where}: is no variable's name"
    given = variable[source]
    if source == "value" and type(given) not in (str, int, float):
        yield f"{where}: {given!r} is no text"
    if source == "value" and re.search(r"KEY|SECRET|PASSWORD|TOKEN", str(variable.get("key"))):
        yield f"{where}: a secret stands in the file"
    if given is not {"generateValue": True, "sync": False}.get(source, given):
        yield f"{where}: {source} is {given!r}"
    if source.startswith("from"):
        yield from _reference(source, given, where, blueprint)


def _reference(source: str, given: Any, where: str, blueprint: Blueprint) -> Iterator[str]:
    if source == "fromGroup":
        if given not in {each["name"] for each in _listed(blueprint, "envVarGroups")}:
            yield f"{where}: there is no such group"
    elif source == "fromDatabase":
        yield from _outside(given, where, {"name", "property"}, {"name", "property"})
        yield from _one_of(given, where, property=OF_A_DATABASE)
        if given.get("name") not in {each["name"] for each in _listed(blueprint, "databases")}:
            yield f"{where}: there is no such database"
    else:
        yield from _outside(given, where, {"name", "type", "property", "envVarKey"}, {"name", "type"})
        yield from _one_of(given, where, property=OF_A_SERVICE)
        if ("property" in given) == ("envVarKey" in given):
            yield f"{where}: asks for both or neither of a property and a variable"
        there = [each for each in _listed(blueprint, "services") if each["name"] == given.get("name")]
        if not there or there[0]["type"] != given.get("type"):
            yield f"{where}: there is no such service"
        elif "envVarKey" in given and given["envVarKey"] not in {each.get("key") for each in there[0]["envVars"]}:
            yield f"{where}: that service has no such variable"


def is_cron(schedule: object) -> bool:
    """Whether it is a cron expression of five fields in numbers."""
    fields = schedule.split() if isinstance(schedule, str) else []
    return len(fields) == len(CRON) and all(
        _is_field(part, least, most)
        for field, (least, most) in zip(fields, CRON, strict=True)
        for part in field.split(",")
    )


def _is_field(part: str, least: int, most: int) -> bool:
    found = re.fullmatch(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/([1-9]\d?))?", part)
    if found is None:
        return False
    first, last = int(found[1] or least), int(found[2] or found[1] or most)
    return least <= first <= last <= most and int(found[3] or 1) <= most


def _listed(blueprint: Blueprint, key: str) -> list[dict[str, Any]]:
    return blueprint.get(key, [])


def _outside(given: Mapping[str, Any], where: str, allowed: set[str], needed: set[str]) -> Iterator[str]:
    yield from (f"{where}: there is no {key!r}" for key in sorted(given.keys() - allowed))
    yield from (f"{where}: lacks {key!r}" for key in sorted(needed - given.keys()))


def _one_of(given: Mapping[str, Any], where: str, **known: set[str]) -> Iterator[str]:
    for key, values in known.items():
        if key in given and given[key] not in values:
            yield f"{where}: {key} cannot be {given[key]!r}"


class Deployment:
    """What Render makes of a blueprint's variables: groups merged, secrets made once, databases and keys known.

    `databases` are the URLs by name, `asked` what somebody has typed in for the variables that are asked for.
    """

    def __init__(self, blueprint: Blueprint, *, databases: Mapping[str, str], asked: Mapping[str, str]) -> None:
        self._blueprint = blueprint
        self._databases = databases
        self._asked = asked
        self._groups = {each["name"]: self._made(each["envVars"]) for each in _listed(blueprint, "envVarGroups")}
        self._services: dict[str, dict[str, str]] = {}
        for service in _listed(blueprint, "services"):
            self._services[service["name"]] = self._made(service["envVars"])

    def service(self, name: str) -> dict[str, Any]:
        """A service as the file describes it."""
        return next(each for each in self._blueprint["services"] if each["name"] == name)

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a service, but for those that Render sets by itself."""
        return dict(self._services[name])

    def _made(self, variables: list[dict[str, Any]]) -> dict[str, str]:
        made: dict[str, str] = {}
        for each in variables:  # what a service says of itself goes before what it has of a group
            made |= self._groups[each["fromGroup"]] if "fromGroup" in each else {}
        return made | {each["key"]: self._value(each) for each in variables if "key" in each}

    def _value(self, variable: dict[str, Any]) -> str:
        if "generateValue" in variable:
            return base64.b64encode(secrets.token_bytes(32)).decode()
        if "sync" in variable:
            return self._asked[variable["key"]]
        if "fromDatabase" in variable:
            assert variable["fromDatabase"]["property"] == "connectionString"
            return self._databases[variable["fromDatabase"]["name"]]
        if "fromService" in variable:
            return self._services[variable["fromService"]["name"]][variable["fromService"]["envVarKey"]]
        return str(variable["value"])
