"""The demo command: set up, run the scenario, check, and stop every process however it ends."""

import argparse
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from simulator.clock import SteppedClock, real_clock
from simulator.demo import background_activity, check_mailbox, company, github_scenario, jira_scenario
from simulator.demo.api_watcher import ApiWatcher, NotObserved
from simulator.demo.browser_session import BrowserSession, UnexpectedPage
from simulator.demo.expectations import PAST_WEEKS, Cycle
from simulator.demo.harness import Harness
from simulator.demo.past_service import past_service
from simulator.demo.past_weeks import CHECK_INS, PastWeeks
from simulator.demo.service_process import DemoFailed, Service, choose_port, fresh_directory
from simulator.demo.terminal import Terminal, make_terminal
from simulator.github import GitHub
from simulator.jira import Jira

DIRECTORY = Path("var/demo")
SECONDS_BEFORE_START = 12.0
"""Seconds before the scenario starts, to open the address in a browser."""

BACK = timedelta(minutes=10)
"""How far in the past the stepped clock starts, so that it stays out of the future."""


def main(arguments: Sequence[str]) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulator.demo", description="See key results move.")
    parser.add_argument("--once", action="store_true", help="play it quickly, check everything, and leave")
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("PORT") or None,
        help="where the pages are; 0 takes a free port [default: PORT, or 8080 if it is free]",
    )
    given = parser.parse_args(arguments)
    _stop_on_signals()
    terminal = make_terminal()
    try:
        with fresh_directory(DIRECTORY.absolute()) as directory, ExitStack() as ending:
            _play(directory, terminal, ending, given)
    except KeyboardInterrupt:
        terminal.write("\nStopped; nothing is left running.")
        return 130 if given.once else 0
    except (DemoFailed, NotObserved, UnexpectedPage, TimeoutError, requests.RequestException, OSError) as error:
        Terminal(sys.stderr).write(f"\nThe demo failed: {error}", "red")
        return 1
    return 0


def _stop_on_signals() -> None:
    """End in order on signals. A shell's `&` makes us ignore SIGINT by mistake; `nohup` ignores SIGHUP on purpose."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def _play(directory: Path, terminal: Terminal, ending: ExitStack, given: argparse.Namespace) -> None:
    began, once = time.monotonic(), given.once
    clock = SteppedClock(datetime.now(UTC) - BACK) if once else None
    port = choose_port() if given.port is None else choose_port(given.port, other=False)
    scene = _set_the_scene(directory, port, terminal, ending, clock)
    with scene.harness.service.answering():
        _run_scenario(scene)
    if once:
        ending.close()
        terminal.write(f"\nAll of it was as expected; done in {time.monotonic() - began:.0f} s.", "green")
        return
    terminal.heading("Work goes on; Ctrl-C stops it all")
    background_activity.run_forever(scene.harness, scene.checkout, scene.returns)


@dataclass(frozen=True, kw_only=True)
class _Scene:
    harness: Harness
    checkout: github_scenario.Checkout
    returns: jira_scenario.Returns
    viewer_token: str


def _set_the_scene(
    directory: Path, port: int, terminal: Terminal, ending: ExitStack, clock: SteppedClock | None
) -> _Scene:
    """Start the service and the trackers, connect them, wait until the issues are known, then apply the key results."""
    cycle = Cycle.around(datetime.now(UTC).date())
    shared = company.Secrets(github=secrets.token_urlsafe(24), jira=secrets.token_urlsafe(24))
    past = SteppedClock()
    hub, jira = GitHub("acme", clock=past), Jira(clock=past)
    ending.callback(hub.stop)
    ending.callback(jira.stop)
    service = Service(directory=directory, port=port, settings=shared.environment())
    ending.callback(service.stop)
    terminal.write(f"Setting up a fresh OKR Sync in var/demo, and playing {PAST_WEEKS} weeks of work …", "dim")
    service.run("migrate")
    hub.start()
    jira.start()
    with past_service(service.environment(), port=port, log=service.log, now=past) as in_the_past:
        weeks = PastWeeks(
            hub=hub, jira=jira, service=in_the_past, address=service.address, shared=shared, cycle=cycle, clock=past
        )
        checkout, returns = weeks.play()
    hub.clock = jira.clock = clock or real_clock
    service.start()
    token = service.run("token", "create", "--name", "demo", "--role", "admin")
    viewer_token = service.run("token", "create", "--name", "viewer", "--role", "viewer")
    service.wait_until_ready()
    browser = BrowserSession(service.address, service.run("sign-in", company.ANA))
    harness = Harness(
        hub=hub,
        jira=jira,
        service=service,
        watcher=ApiWatcher(service.address, token, changes=browser.changes, check=service.check),
        browser=browser,
        terminal=terminal,
        cycle=cycle,
        key_results={key_result.slug: key_result for key_result in company.KEY_RESULTS},
        clock=clock,
    )
    harness.checked_in["KR-7"] = CHECK_INS[-1][1]
    harness.watcher.wait_for(harness.expected(), seconds=60)
    harness.begin()
    return _Scene(harness=harness, checkout=checkout, returns=returns, viewer_token=viewer_token)


def _introduce(harness: Harness, viewer_token: str) -> None:
    address, write = harness.service.address, harness.terminal.write
    write()
    write(f"OKR Sync runs at {address}", "bold")
    write(f"  Sign in as Ana Ruiz, admin (once, within 15 minutes):  {harness.service.run('sign-in', company.ANA)}")
    write(f'  The API, as a viewer:  curl -H "Authorization: Bearer {viewer_token}" {address}/api/v1/key-results')
    write(f"  The simulated trackers: GitHub at {harness.hub.url}, Jira at {harness.jira.url}")
    write(f"  The log of the service: {harness.service.log}", "dim")


def _run_scenario(scene: _Scene) -> None:
    harness, terminal = scene.harness, scene.harness.terminal
    _introduce(harness, scene.viewer_token)
    terminal.heading("Where the key results stand")
    terminal.show_key_results([(key_result, harness.known[slug]) for slug, key_result in harness.key_results.items()])
    if not harness.quick:
        terminal.write(
            f"\nThe first issue closes in {SECONDS_BEFORE_START:g} seconds: time to open the sign-in link.",
            "bold",
        )
        time.sleep(SECONDS_BEFORE_START)
    _act_it_out(scene)
    _sum_up(harness)
    if harness.quick and harness.problems:
        raise DemoFailed("\n  ".join(["these expectations did not hold:", *harness.problems]))


def _act_it_out(scene: _Scene) -> None:
    harness, checkout, returns = scene.harness, scene.checkout, scene.returns
    harness.terminal.heading("Work closes")
    github_scenario.close_issues(harness, checkout)
    jira_scenario.close_issues(harness, returns)
    harness.terminal.heading("Webhooks go wrong")
    github_scenario.webhook_faults(harness, checkout)
    jira_scenario.webhook_faults(harness, returns)
    harness.terminal.heading("Work moves")
    github_scenario.move_issues(harness, checkout)
    jira_scenario.move_issues(harness, returns)
    harness.terminal.heading("People have a say")
    _check_in(harness)
    _add_a_rule(harness)


def _check_in(harness: Harness) -> None:
    with harness.watching("Ana", "checks in: the recommendation score is 39", actor="Ana Ruiz") as step:
        page = "/key-results/KR-7"
        harness.browser.submit(f"{page}/check-ins", on=page, value="39", note="Survey of this month")
        harness.checked_in["KR-7"] = 39
        step.expect_change("KR-7", None, "checked in: Survey of this month")


def _add_a_rule(harness: Harness) -> None:
    text = "okr-sync apply: a rule says that issues labelled “speed” count toward KR-3"
    with harness.watching("Admin", text, actor="") as step:
        harness.service.apply("speed.yaml", company.added_rule_file())
        harness.replace_key_result("KR-3", counts=company.speed_up_by_rule)
        step.expect_change("KR-3", None, "rule speed added")


def _sum_up(harness: Harness) -> None:
    terminal, values = harness.terminal, harness.expected()
    terminal.heading("Where the key results stand now")
    terminal.show_key_results([(key_result, values[slug]) for slug, key_result in harness.key_results.items()])
    terminal.heading("The mails in the local mailbox")
    check_mailbox.show_and_check(harness)
    terminal.write()
    terminal.times(harness.times)
