"""Both blueprints are what Render takes, and do what they are for: run as it would run them, in a real browser."""

from __future__ import annotations

import copy
import http.client
import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from playwright.sync_api import expect

import wsq
from tests.agent.peer import KEY, Peer, Refusal
from tests.deploy.blueprint import ROOT, Blueprint, Deployment, complaints, is_cron, read
from tests.deploy.conftest import free_port, is_up
from tests.views.windows import card, fill_form, lane
from wsq import settings as configuration
from wsq.clock import ManualClock
from wsq.settings import VARIABLES
from wsq.views.auth.proxies import Proxies

BLUEPRINTS = ("render.yaml", "render.disk.yaml")
HOSTNAME = "wsq-1a2b.onrender.com"

# The files


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_a_blueprint_is_what_render_takes(name):
    blueprint = read(name)

    assert complaints(blueprint) == []
    assert {each["region"] for each in blueprint["services"] + blueprint.get("databases", [])} == {"frankfurt"}


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_a_blueprint_sets_only_what_wsq_or_render_reads_and_installs_only_what_there_is(name):
    blueprint = read(name)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    given = [*blueprint["services"], *blueprint.get("envVarGroups", [])]

    keys = {variable["key"] for each in given for variable in each["envVars"] if "key" in variable}
    assert keys - {"PYTHON_VERSION"} <= {*VARIABLES.values()}
    for service in blueprint["services"]:
        extra = re.fullmatch(r"sh deploy/install(?: (\w+))?", service["buildCommand"])[1]
        assert extra is None or extra in project["optional-dependencies"]
        assert service["startCommand"].split()[0] in project["scripts"]


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_a_blueprint_trusts_the_proxies_of_its_host_and_no_other_network(name):
    blueprint = read(name)
    variables = [
        each for given in (*blueprint["services"], *blueprint.get("envVarGroups", [])) for each in given["envVars"]
    ]
    [given] = [each["value"] for each in variables if each.get("key") == "WSQ_TRUSTED_PROXIES"]

    proxies = Proxies(configuration.load(environ={"WSQ_TRUSTED_PROXIES": given}).trusted_proxies)

    assert all(map(proxies.trusts, ("127.0.0.1", "10.201.7.9", "172.68.1.2", "2606:4700::1")))
    assert not any(map(proxies.trusts, ("192.168.1.1", "172.17.0.1", "203.0.113.9", "8.8.8.8", "2001:db8::1")))


def test_the_lock_names_every_dependency_and_no_other_index_than_pypis():
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    locked = {package["name"]: package for package in lock["package"]}
    asked = [
        *((None, each) for each in project["project"]["dependencies"]),
        *((extra, each) for extra, of in project["project"]["optional-dependencies"].items() for each in of),
    ]

    assert {*map(_requirement, asked)} == {*map(_locked, locked["wsq"]["metadata"]["requires-dist"])}
    assert [each["name"] for each in locked["wsq"]["metadata"]["requires-dev"]["build"]] == ["hatchling"]
    hosts = re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text("utf-8"))
    assert {*hosts} == {"pypi.org", "files.pythonhosted.org"}
    for name, package in locked.items():
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert name == "wsq" or files, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"]) for file in files), name


def _requirement(asked):
    """A requirement of the project, as the lock has it: name, versions, its own extras, and the extra it is for."""
    extra, text = asked
    requirement = Requirement(text)
    return requirement.name, str(requirement.specifier), frozenset(requirement.extras), extra


def _locked(entry):
    extra = re.fullmatch(r"extra == '(\w+)'", entry["marker"])[1] if "marker" in entry else None
    return entry["name"], str(SpecifierSet(entry["specifier"])), frozenset(entry.get("extras", ())), extra


def test_what_deployments_install_is_what_the_lock_says_and_each_file_has_a_hash():
    script = (ROOT / "deploy" / "install").read_text("utf-8")
    tool = (ROOT / "deploy" / "uv.txt").read_text("utf-8")
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")

    installs = [line.partition(" #")[0] for line in script.splitlines() if line.startswith("pip install")]
    assert all("--require-hashes" in line or line.endswith("--no-deps --no-build-isolation .") for line in installs)
    assert "uv export --quiet --frozen" in script
    assert re.fullmatch(r"uv==[0-9.]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n", tool)
    assert "RUN sh deploy/install server" in dockerfile
    copied = {word for line in re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE) for word in line.split()}
    kept = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[0] == "!"
    }
    assert copied == kept
    assert (
        "pip install" not in dockerfile + (ROOT / "render.yaml").read_text() + (ROOT / "render.disk.yaml").read_text()
    )


def _spoilt(change: Callable[[Blueprint], object]) -> Blueprint:
    blueprint = copy.deepcopy(read("render.yaml"))
    change(blueprint)
    return blueprint


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda file: file.update(service=[]), "the file: there is no 'service'"),
        (lambda file: file["services"][1].update(disk={}), "service wsq-process: there is no 'disk'"),
        (lambda file: file["services"][1].pop("schedule"), "service wsq-process: lacks 'schedule'"),
        (lambda file: file["services"][0].update(plan="basic-1gb"), "service wsq: plan cannot be 'basic-1gb'"),
        (lambda file: file["services"][0].update(name="wsq-database"), "wsq-database is there twice"),
        (lambda file: file["databases"][0].update(postgresMajorVersion=18), "postgresMajorVersion cannot be 18"),
        (lambda file: file["databases"][0].pop("ipAllowList"), "database wsq-database: everybody may reach it"),
        (lambda file: file["databases"][0].update(diskSizeGB=3), "database wsq-database: 3 is no size of a disk"),
        (lambda file: file["databases"][0].update(name="other"), "WSQ_DATABASE: there is no such database"),
        (lambda file: file["envVarGroups"][0].update(name="other"), "wsq-settings: there is no such group"),
        (
            lambda file: file["envVarGroups"][0]["envVars"].append({"key": "ANTHROPIC_API_KEY", "sync": False}),
            "group wsq-settings, ANTHROPIC_API_KEY: sync cannot be there",
        ),
        (
            lambda file: file["envVarGroups"][1]["envVars"][2].update(value="hunter2"),
            "group wsq-login, WSQ_ADMIN_PASSWORD: has 2 sources",
        ),
        (
            lambda file: file["services"][0]["envVars"].append({"key": "WSQ_OAUTH_SECRET", "value": "abc"}),
            "service wsq, WSQ_OAUTH_SECRET: a secret stands in the file",
        ),
        (
            lambda file: file["services"][1]["envVars"][2]["fromService"].update(type="pserv"),
            "service wsq-process, ANTHROPIC_API_KEY: there is no such service",
        ),
    ],
)
def test_what_render_would_not_take_is_found(change, complaint):
    assert any(each.endswith(complaint) for each in complaints(_spoilt(change)))


@pytest.mark.parametrize("schedule", ["*/5 * * * *", "0 9-17 * * 1-5", "15,45 3 1 1 0", "0 0 1-31/2 * *"])
def test_a_schedule_that_cron_understands_is_taken(schedule):
    assert is_cron(schedule)


@pytest.mark.parametrize("schedule", ["*/5 * * *", "60 * * * *", "5/ * * * *", "* 9-8 * * *", "every 5 minutes", None])
def test_a_schedule_that_cron_does_not_understand_is_not(schedule):
    assert not is_cron(schedule)


def said_in_dockerfile(instruction):
    """The words of the command that an instruction gives."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
    return json.loads(re.search(rf"^{instruction}.*?(\[.*\])$", text, re.MULTILINE)[1])


def test_a_container_serves_as_the_web_service_does():
    web = read("render.yaml")["services"][0]
    service = web["startCommand"]
    assert web["preDeployCommand"] == "wsq init"

    shell, flag, command = said_in_dockerfile("CMD")

    assert (shell, flag) == ("sh", "-c")
    assert command == f"wsq init && exec {service}".replace("${WSQ_ORIGIN:-$RENDER_EXTERNAL_HOSTNAME}", "$WSQ_ORIGIN")


# As it would run there


def open_board(page, url, deployment, service):
    """Show the board to somebody who logs in as the first admin."""
    page.goto(f"{url}/board")
    environment = deployment.environment(service)
    page.get_by_label("Name").fill(environment["WSQ_ADMIN"])
    page.get_by_label("Password").fill(environment["WSQ_ADMIN_PASSWORD"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="New recurring task")).to_be_visible()


def make_triage(page):
    """Have the page make a recurring task."""
    page.get_by_role("button", name="New recurring task").click()
    dialog = fill_form(page, Name="Triage", Prompt="Create a task called 'Check mail'", Every="5")
    dialog.get_by_label("Unit", exact=True).select_option("minutes")
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(card(lane(page, "Recurring"), "Triage")).to_contain_text("Every 5 minutes")


def let_it_come_due(database):
    """Move the task's grid so that a slot has just passed, without waiting for one."""
    now = datetime.now(UTC)
    with wsq.open(database, clock=ManualClock(now - timedelta(minutes=3)), actor="ada") as ws:
        store = ws.store("default")
        [task] = store.recurring_tasks()
        store.update_recurring_task(task.id, starting=now - timedelta(seconds=1))


def of_render(port):
    """What Render tells a web service by itself."""
    return {"RENDER": "true", "PORT": str(port), "RENDER_EXTERNAL_HOSTNAME": HOSTNAME}


def logged_in(port, **headers):
    """What the login says to a wrong password that a browser sends through Render's proxy, and its cookie."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    link.request("GET", "/login", headers={"X-Forwarded-Proto": "https"})
    answer = link.getresponse()
    answer.read()
    cookie = answer.headers["Set-Cookie"]
    token = re.search(r"_xsrf=([^;]+)", cookie)[1]
    given = {"Cookie": f"_xsrf={token}", "Content-Type": "application/x-www-form-urlencoded", **headers}
    link.request("POST", "/login", f"_xsrf={token}&name=nobody&password=wrong", given)
    told = link.getresponse().read().decode()
    link.close()
    return told, cookie


def test_three_services_work_together_from_the_login_to_what_came_of_a_task(window, host, server):
    # Given the three services, the key's field left empty
    blueprint = read("render.yaml")
    deployment = Deployment(blueprint, databases={"wsq-database": server.url}, asked={"ANTHROPIC_API_KEY": ""})
    web, cron = deployment.service("wsq"), deployment.service("wsq-process")
    pages, passes, port = host("web"), host("cron"), free_port()

    # The empty database is none yet; what runs before the web service makes it, each time that it is deployed
    early = passes.run(cron["startCommand"], deployment.environment("wsq-process"))
    assert (early.returncode, "No workspace in postgresql://" in early.stderr) == (2, True), early
    for _ in range(2):
        made = pages.run(web["preDeployCommand"], deployment.environment("wsq"))
        assert (made.returncode, made.stderr) == (0, ""), made
    serving = pages.start(web["startCommand"], deployment.environment("wsq") | of_render(port))
    assert is_up(f"http://127.0.0.1:{port}{web['healthCheckPath']}"), pages.log()

    # When somebody logs in and makes a task, it comes due, and the cron job comes by
    page = window
    open_board(page, f"http://127.0.0.1:{port}", deployment, "wsq")
    make_triage(page)
    let_it_come_due(server.url)
    done = passes.run(cron["startCommand"], deployment.environment("wsq-process"))

    # Then its result stands on the board
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 task was due in 1 store: 1 completed."), done
    expect(card(lane(page, "Recurring"), "Triage")).to_contain_text("Completed")
    expect(card(lane(page, "To do"), "Check mail")).to_be_visible()

    # And the proxy's pages are the house's own, others' are not, and cookies are kept to https
    told, cookie = logged_in(port, Host="10.0.0.7", Origin=f"https://{HOSTNAME}")
    assert "Wrong name or password." in told
    assert "secure" in cookie.lower()
    told, _ = logged_in(port, Host="10.0.0.7", Origin="https://elsewhere.example")
    assert told.startswith("This server does not accept requests from pages of elsewhere.example. ")

    # When an execution fails, the run has failed: its status is not 0, and Render tells whoever wants to know
    let_it_come_due(server.url)
    model = Peer([Refusal(400, "This model is away.")])
    try:
        keys = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": model.url}
        failed = passes.run(cron["startCommand"], deployment.environment("wsq-process") | keys)
    finally:
        model.close()
    assert (failed.returncode, failed.stdout.splitlines()[-1]) == (1, "1 task was due in 1 store: 1 failed."), failed
    expect(card(lane(page, "Recurring"), "Triage")).to_contain_text("Failed")

    # And it ends when it is told to, long before it would be killed; nothing that is secret was said
    assert pages.shut_down() == [0]
    assert serving.returncode == 0
    said = pages.log() + "".join(each.stdout + each.stderr for each in (done, failed))
    environment = deployment.environment("wsq")
    assert not [name for name in ("WSQ_ADMIN_PASSWORD", "WSQ_COOKIE_SECRET") if environment[name] in said]


def test_one_service_with_a_disk_does_all_of_it(window, host):
    # Given the one service, its disk in a folder of the test, and on it a task that has just come due
    deployment = Deployment(read("render.disk.yaml"), databases={}, asked={"ANTHROPIC_API_KEY": ""})
    service, pages, port = deployment.service("wsq-small"), host("small"), free_port()
    mounted = service["disk"]["mountPath"]
    here = deployment.environment("wsq-small")
    on_disk = [name for name, value in here.items() if value.startswith(f"{mounted}/")]
    assert on_disk == ["WSQ_DATABASE", "WSQ_USERS"]
    here |= {name: here[name].replace(mounted, str(pages.home / "disk")) for name in on_disk}
    (pages.home / "disk").mkdir()
    then = datetime.now(UTC) - timedelta(minutes=5)
    with wsq.open(here["WSQ_DATABASE"], clock=ManualClock(then)) as ws:
        ws.store("default").create_recurring_task("Triage", "Create a task called 'Check mail'", every="5 minutes")
    pages.start(service["startCommand"], here | of_render(port))
    assert is_up(f"http://127.0.0.1:{port}{service['healthCheckPath']}"), pages.log()

    # When somebody logs in, the scheduler beside the pages has carried out what was due
    page = window
    open_board(page, f"http://127.0.0.1:{port}", deployment, "wsq-small")
    expect(card(lane(page, "To do"), "Check mail")).to_be_visible()
    expect(card(lane(page, "Recurring"), "Triage")).to_contain_text("Completed")

    # And all that is to be kept is on the disk; a container would know when it is up, and when it is not
    is_well = {"args": said_in_dockerfile("HEALTHCHECK"), "env": pages.environment({"PORT": str(port)})}
    assert subprocess.run(**is_well).returncode == 0
    assert pages.shut_down() == [0]
    assert subprocess.run(**is_well, stderr=subprocess.DEVNULL).returncode != 0
    kept = {each.relative_to(pages.home).parts[0] for each in pages.home.rglob("*") if each.is_file()}
    assert kept <= {"disk", "log", ".cache", "wsq.toml"}, kept  # `wsq init` writes the last one at each start
    assert (pages.home / "disk" / "users.json.secret").is_file()
