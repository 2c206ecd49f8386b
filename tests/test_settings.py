"""What wsq is told from outside, and which place goes before which."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

import wsq
from wsq import settings
from wsq.errors import SettingError

KEY = "sk-ant-very-secret"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """A user with folders of their own and a working directory in which nothing is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for variable in settings.VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def here():
    return Path.cwd()


def say(folder: Path, text: str) -> Path:
    """A wsq.toml in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "wsq.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(**arguments) -> str:
    with pytest.raises(SettingError) as refusal:
        settings.load(**arguments)
    return str(refusal.value)


# Which place goes before which


def test_without_anything_said_the_defaults_hold(tmp_path):
    found = settings.load(environ={})

    assert found.database == str(tmp_path / "data" / "wsq" / "wsq.duckdb")
    assert (found.stores, found.api_key, found.base_url) == (None, None, None)
    assert (found.model, found.max_concurrency) == ("claude-sonnet-5-5", 16)
    assert found.timezone == settings.machine_timezone()
    assert not (tmp_path / "data").exists()


def test_everything_can_be_said_in_the_environment():
    found = settings.load(
        environ={
            "WSQ_DATABASE": "/data/team.duckdb",
            "WSQ_STORES": "acme, beta,acme",
            "WSQ_TIMEZONE": "Asia/Kathmandu",
            "ANTHROPIC_API_KEY": f" {KEY}\n",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:8080",
            "WSQ_MODEL": "claude-x",
            "WSQ_MAX_CONCURRENCY": "3",
        }
    )

    assert found == settings.Settings(
        database="/data/team.duckdb",
        stores=("acme", "beta"),
        timezone="Asia/Kathmandu",
        api_key=KEY,
        base_url="http://127.0.0.1:8080",
        model="claude-x",
        max_concurrency=3,
    )


def test_an_argument_goes_before_the_environment_and_that_before_the_file(here):
    say(here, 'database = "/file"\ntimezone = "Europe/Paris"\nmodel = "of-file"\n')
    environ = {"WSQ_DATABASE": "/variable", "WSQ_TIMEZONE": "Europe/Rome"}

    found = settings.load(database="/argument", environ=environ)

    assert (found.database, found.timezone, found.model) == ("/argument", "Europe/Rome", "of-file")


def test_the_file_in_the_working_directory_goes_before_the_users_own(here, tmp_path):
    say(tmp_path / "config" / "wsq", 'model = "of-the-user"\n')
    assert settings.load(environ={}).model == "of-the-user"

    say(here, 'timezone = "UTC"\n')
    assert settings.load(environ={}).model == "claude-sonnet-5-5"


def test_an_empty_variable_counts_as_absent():
    assert settings.load(environ={"WSQ_MODEL": "", "WSQ_MAX_CONCURRENCY": " "}).max_concurrency == 16


def test_the_process_environment_is_read_when_no_other_is_given(monkeypatch):
    monkeypatch.setenv("WSQ_MODEL", "claude-y")
    assert settings.load().model == "claude-y"


# What values mean


def test_a_relative_database_is_meant_from_the_file_that_names_it_and_else_from_the_working_directory(here, tmp_path):
    say(tmp_path / "config" / "wsq", 'database = "team.duckdb"\n')

    assert settings.load(environ={}).database == str(tmp_path / "config" / "wsq" / "team.duckdb")
    assert settings.load(environ={"WSQ_DATABASE": "x.duckdb"}).database == str(here / "x.duckdb")
    assert settings.load(database=Path("y.duckdb"), environ={}).database == str(here / "y.duckdb")
    assert settings.load(database="z.duckdb", environ={}, cwd="/srv").database == "/srv/z.duckdb"


def test_a_tilde_is_the_users_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.load(environ={"WSQ_DATABASE": "~/team.duckdb"}).database == str(tmp_path / "team.duckdb")


@pytest.mark.parametrize("url", ["postgresql://ada@db/team", "postgres://db/team?sslmode=require"])
def test_a_postgresql_url_is_kept_as_it_is(url):
    assert settings.load(database=url, environ={}).database == url


@pytest.mark.parametrize("wrong", ["sqlite:///x", "mysql://db", "file:///x", ":memory:", "", " ", "a\0b", 5])
def test_a_database_of_another_kind_is_refused(wrong):
    assert refused(database=wrong, environ={}).endswith("expected a path to a DuckDB file, or postgresql://….")


@pytest.mark.parametrize("wrong", ["postgresql:/ada@db/team", "s3:/x", "POSTGRESQL://db/team"])
def test_a_url_that_is_none_of_postgresqls_is_no_path(wrong, here):
    assert refused(database=wrong, environ={}) == (
        f"database is {wrong!r}, expected a path to a DuckDB file, or postgresql://…."
    )
    assert refused(environ={"WSQ_DATABASE": wrong}).startswith("WSQ_DATABASE is ")
    assert refused(database=f" {wrong}", environ={}).startswith(f"database is ' {wrong}'")
    assert refused(users=wrong, environ={}) == f"users is {wrong!r}, expected the path of a users file."
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("url", ["postgresql://ada:hidden@db/team", "ducklake:team", "https://example.com/team.duckdb"])
def test_a_url_in_the_place_of_a_path_object_is_refused_and_makes_nothing(url, here):
    sentence = refused(database=Path(url), environ={})

    assert sentence.endswith("expected a path to a DuckDB file, or postgresql://…; a URL is a string and no path.")
    assert "hidden" not in sentence
    with pytest.raises(SettingError):
        wsq.open(Path(url))
    assert list(here.iterdir()) == []


def test_a_file_whose_name_begins_like_a_url_is_told_from_one_by_where_it_is(here):
    assert refused(database="md:team", environ={}) == (
        "database is 'md:team', expected ./ before it if it is the name of a file, else a path to a DuckDB file, "
        "or postgresql://…."
    )
    for told in ("./md:team", str(here / "md:team"), here / "md:team"):
        assert settings.load(database=told, environ={}).database == str(here / "md:team")
    assert settings.load(database="8:30.duckdb", environ={}).database == str(here / "8:30.duckdb")


@pytest.mark.parametrize("wrong", ["*", "a b", ",", "", "x" * 65, [], [1]])
def test_stores_are_ids_and_at_least_one(wrong):
    assert "expected store ids separated by commas" in refused(stores=wrong, environ={})


@pytest.mark.parametrize("wrong", ["Mars/Olympus", "localtime", "../UTC", "Europe", ""])
def test_a_zone_is_one_of_the_iana_database(wrong):
    assert refused(timezone=wrong, environ={}).startswith(f"timezone is {wrong!r}, expected the name of an IANA")


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5", "many", "1001", 0, True, "9" * 5000])
def test_concurrency_is_a_whole_number_from_one(wrong):
    assert "expected a whole number from 1 to 1000" in refused(max_concurrency=wrong, environ={})


def test_a_refusal_names_the_variable_the_value_and_what_was_expected():
    assert refused(environ={"WSQ_MAX_CONCURRENCY": "lots"}) == (
        "WSQ_MAX_CONCURRENCY is 'lots', expected a whole number from 1 to 1000."
    )


@pytest.mark.parametrize("wrong", ["api.example.com", "ftp://x", "https://", "https://a b"])
def test_a_base_url_is_one_of_the_web(wrong):
    assert refused(environ={"ANTHROPIC_BASE_URL": wrong}).startswith(f"ANTHROPIC_BASE_URL is {wrong!r}")


# The file


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('databse = "x"', "has the key 'databse', expected only database, stores, timezone"),
        ("max_concurrency = 0", "max_concurrency is 0, expected a whole number"),
        ('timezone = ["UTC"]', "timezone is ['UTC'], expected the name of an IANA time zone"),
        ("database = 5", "database is 5, expected a path"),
        ("database = ", "cannot be understood, expected TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_the_file(here, text, named):
    file = say(here, text)
    message = refused(environ={})

    assert message.startswith(str(file))
    assert named in message


def test_a_file_that_is_no_text_is_refused(here):
    (here / "wsq.toml").write_bytes(b"\xff\xfe")
    assert "cannot be understood, expected TOML" in refused(environ={})


def test_a_file_that_cannot_be_read_is_refused(here):
    (here / "wsq.toml").mkdir()
    assert "cannot be read" in refused(environ={})


def test_a_file_with_what_wsq_init_wrote_is_understood_and_private(here, tmp_path):
    said = {
        "database": 'odd "name"\\\x7f\n🚀.duckdb',
        "stores": ["acme", "beta"],
        "timezone": "Europe/Berlin",
        "api_key": KEY,
        "base_url": "https://gateway.example",
        "model": "claude-x",
        "max_concurrency": 4,
    }

    file = settings.write_toml("wsq.toml", **said)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = settings.load(environ={})
    assert found.database == str(here / said["database"])
    assert found.stores == ("acme", "beta")
    assert (found.timezone, found.api_key, found.base_url) == (
        "Europe/Berlin",
        KEY,
        "https://gateway.example",
    )
    assert (found.model, found.max_concurrency) == ("claude-x", 4)


def test_a_relative_database_means_the_same_in_a_file_elsewhere(here, tmp_path):
    settings.write_toml(tmp_path / "config" / "wsq" / "wsq.toml", database="team.duckdb")
    assert settings.load(environ={}).database == str(here / "team.duckdb")


def test_a_file_that_is_there_is_not_overwritten(here):
    file = say(here, 'model = "mine"\n')

    with pytest.raises(SettingError, match="is there already, and is not overwritten"):
        settings.write_toml(file, model="other")
    assert file.read_text() == 'model = "mine"\n'


def test_nothing_is_written_that_could_not_be_read_again(here):
    with pytest.raises(SettingError, match="timezone is 'Mars'"):
        settings.write_toml("wsq.toml", timezone="Mars")
    assert not (here / "wsq.toml").exists()


# Secrets


def test_showing_settings_shows_no_key_and_no_password():
    found = settings.load(
        database="postgresql://ada:se:cr/hidden?#@et@db/team?password=hidden",
        environ={"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "https://u:hidden@gateway"},
    )

    for shown in (repr(found), str(found), f"{found}", repr(found.__rich_repr__())):
        assert KEY not in shown
        assert "hidden" not in shown
        assert "et@db" not in shown
        assert "ada" in shown


@pytest.mark.parametrize("wrong", [f"{KEY}\nx", f"{KEY} x", f"{KEY}ü"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(wrong, here):
    assert refused(environ={"ANTHROPIC_API_KEY": wrong}) == (
        "ANTHROPIC_API_KEY is (not shown), expected a key of visible ASCII characters."
    )
    say(here, f'api_kye = "{KEY}"')
    assert KEY not in refused(environ={})


def test_a_file_in_the_working_directory_cannot_send_the_environments_key_to_its_own_place(here, tmp_path):
    environ = {"ANTHROPIC_API_KEY": KEY}
    say(tmp_path / "config" / "wsq", 'base_url = "https://gateway.example"')
    assert settings.load(environ=environ).base_url == "https://gateway.example"

    say(here, 'base_url = "https://elsewhere.example"')
    assert "expected it in ANTHROPIC_BASE_URL" in refused(environ=environ)


# The machine


def run_bare(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Python as cron does: with nothing in the environment but what is given."""
    root = str(Path(settings.__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PYTHONPATH": root, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_settings_can_be_had_in_an_empty_environment():
    done = run_bare("from wsq import settings; print(settings.load().database); print(settings.default_actor())")

    assert done.stderr == ""
    database, actor = done.stdout.splitlines()
    assert database.startswith("/")
    assert database.endswith("/wsq/wsq.duckdb")
    assert actor


def test_a_user_without_a_name_and_a_home_is_told_to_name_a_database():
    done = run_bare(
        "import os, pwd\n"
        "def nobody(uid): raise KeyError(uid)\n"
        "pwd.getpwuid, os.getuid = nobody, lambda: 54321\n"
        "import wsq.settings as s\n"
        "print(s.default_actor())\n"
        "print(s.load(database='/x').database)\n"
        "try: s.load()\n"
        "except Exception as e: print(type(e).__name__, e)"
    )

    assert done.stdout.splitlines() == [
        "uid 54321",
        "/x",
        "SettingError WSQ_DATABASE is not set, expected a path, since this user has no home folder.",
    ]


@pytest.mark.parametrize("odd", ["CET-1CEST,oops", "Mars/Olympus", ":/etc/localtime", "./x"])
def test_a_zone_in_the_environment_that_is_no_iana_zone_is_passed_over_in_silence(odd):
    done = run_bare("from wsq import settings; print(settings.load(database='x').timezone)", TZ=odd)

    assert done.stderr == ""
    assert settings.load(timezone=done.stdout.strip(), environ={})


def test_a_working_directory_that_is_gone_needs_an_absolute_database(tmp_path):
    done = run_bare(
        "import os, tempfile\nos.chdir(d := tempfile.mkdtemp()); os.rmdir(d)\n"
        "from wsq import settings\n"
        "print(settings.load(database='/x').database)\n"
        "try: settings.load(database='x')\n"
        "except Exception as e: print(e)"
    )

    assert done.stdout.splitlines() == [
        "/x",
        "database is 'x', expected an absolute path, since the working directory is gone.",
    ]


def test_importing_settings_loads_nothing_that_an_idle_process_does_not_need():
    done = run_bare(
        "import sys, wsq.settings\n"
        "print(*{'tomllib', 'tzlocal', 'platformdirs', 'getpass', 'logging', 'asyncio'} & set(sys.modules))"
    )
    assert done.stdout == "\n"


# What is told outside


def test_where_alerts_and_pings_go_and_when_a_digest_comes_can_be_said_in_the_file_and_the_environment(here):
    say(here, 'alert_url = "https://hooks.example/T/B/x"\ndigest = "7:05"\n')

    found = settings.load(environ={"WSQ_PING_URL": "http://127.0.0.1:8000/ping?id=1", "WSQ_DIGEST": "18:30"})

    assert (found.alert_url, found.ping_url) == ("https://hooks.example/T/B/x", "http://127.0.0.1:8000/ping?id=1")
    assert found.digest == "18:30"
    assert settings.load(environ={}).digest == "07:05"


def test_a_file_that_is_written_says_them_too(here):
    settings.write_toml("wsq.toml", alert_url="https://hooks.example/x", ping_url="http://[::1]:80/p", digest="8:00")

    found = settings.load(environ={})

    assert (found.alert_url, found.ping_url, found.digest) == ("https://hooks.example/x", "http://[::1]:80/p", "08:00")


@pytest.mark.parametrize(
    "wrong", ["ftp://ada:hush@host/hush", "hooks.example/hush", "https://", "https://a b/hush", "hush"]
)
def test_a_url_to_post_to_is_http_and_never_shown(wrong):
    for variable in ("WSQ_ALERT_URL", "WSQ_PING_URL"):
        told = refused(environ={variable: wrong})
        assert told == f"{variable} is (not shown), expected a URL that begins with https:// or http:// and a host."


@pytest.mark.parametrize("wrong", ["8", "24:00", "08:60", "8 o'clock", "08:00:00"])
def test_a_digests_time_is_a_wall_time(wrong):
    assert refused(environ={"WSQ_DIGEST": wrong}) == f"WSQ_DIGEST is {wrong!r}, expected a wall time such as 08:00."


def test_of_a_url_that_is_posted_to_only_its_host_is_shown():
    found = settings.load(environ={"WSQ_ALERT_URL": "https://ada:hush@hooks.example:8443/hush?hush=1"})

    assert "https://hooks.example:8443/…" in repr(found)
    assert "hush" not in repr(found)


@pytest.mark.parametrize("variable", ["WSQ_ALERT_URL", "WSQ_PING_URL", "ANTHROPIC_BASE_URL"])
def test_a_port_that_there_cannot_be_is_refused_as_a_setting(variable):
    for port in ("99999", "0"):
        told = refused(environ={variable: f"http://127.0.0.1:{port}/x"})
        assert told.startswith(f"{variable} is ")
        assert "expected a URL" in told
    assert settings.load(environ={variable: "http://127.0.0.1:65535/x"})


@pytest.mark.parametrize("setting", ["alert_url", "ping_url"])
def test_a_file_in_the_working_directory_cannot_have_the_environments_database_told_to_its_own_place(
    here, tmp_path, setting
):
    environ = {"WSQ_DATABASE": str(tmp_path / "mine.duckdb")}
    say(tmp_path / "config" / "wsq", f'{setting} = "https://mine.example/x"')
    assert getattr(settings.load(environ=environ), setting) == "https://mine.example/x"

    say(here, f'{setting} = "https://elsewhere.example/hush"\ndatabase = "theirs.duckdb"')

    told = refused(environ=environ)
    assert f"expected it in {settings.VARIABLES[setting]}, since the database comes from WSQ_DATABASE." in told
    assert "hush" not in told
    assert settings.load(environ={}).database == str(here / "theirs.duckdb")
    environ[settings.VARIABLES[setting]] = "https://mine.example/y"
    assert getattr(settings.load(environ=environ), setting) == "https://mine.example/y"
