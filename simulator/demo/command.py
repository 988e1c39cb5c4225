"""The command: puts everything on the stage, plays, checks, and leaves nothing running, however it ends."""

import argparse
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
from simulator.demo import github_story, jira_story, living, mailbox, plan
from simulator.demo.aims import Quarter
from simulator.demo.service import DemoFailed, Service, choose_port, fresh_directory
from simulator.demo.stage import Stage
from simulator.demo.telling import Voice, make_voice
from simulator.demo.visiting import Visitor, WrongPage
from simulator.demo.watching import NotSeen, Watcher
from simulator.github import GitHub
from simulator.jira import Jira

DIRECTORY = Path("var/demo")
TIME_TO_LOOK = 12.0
"""Seconds between the address and the story, in which somebody opens it in a browser."""

BACK = timedelta(minutes=10)
"""How far in the past the stepped clock begins, so that it does not come to the future."""


def main(arguments: Sequence[str]) -> int:
    """Run the demo; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulator.demo", description="See key results move.")
    parser.add_argument("--once", action="store_true", help="play it quickly, check everything, and leave")
    parser.add_argument(
        "--port", type=int, help="where the pages are; 0 takes a free port [default: 8080 if it is free]"
    )
    given = parser.parse_args(arguments)
    _stop_on_signals()
    voice = make_voice()
    try:
        with fresh_directory(DIRECTORY.absolute()) as directory, ExitStack() as ending:
            _play(directory, voice, ending, given)
    except KeyboardInterrupt:
        voice.say("\nStopped; nothing is left running.")
        return 130 if given.once else 0
    except (DemoFailed, NotSeen, WrongPage, TimeoutError, requests.RequestException, OSError) as error:
        Voice(sys.stderr).say(f"\nThe demo failed: {error}", "red")
        return 1
    return 0


def _stop_on_signals() -> None:
    """Let each of them end the demo in order; a shell's `&` would have SIGINT ignored, `nohup` means it with SIGHUP."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def _play(directory: Path, voice: Voice, ending: ExitStack, given: argparse.Namespace) -> None:
    began, once = time.monotonic(), given.once
    clock = _stepped_clock() if once else None
    port = choose_port() if given.port is None else choose_port(given.port, other=False)
    scene = _set_the_scene(directory, port, voice, ending, clock)
    with scene.stage.service.answering():
        _tell_the_story(scene)
    if once:
        ending.close()
        voice.say(f"\nAll of it was as expected; done in {time.monotonic() - began:.0f} s.", "green")
        return
    voice.chapter("Work goes on; Ctrl-C stops it all")
    living.go_on(scene.stage, scene.checkout, scene.returns)


def _stepped_clock() -> SteppedClock:
    now = datetime.now(UTC)
    begins = datetime.combine(Quarter.of(now.date()).starts, datetime.min.time(), UTC)
    return SteppedClock(max(now - BACK, begins))


@dataclass(frozen=True, kw_only=True)
class _Scene:
    stage: Stage
    checkout: github_story.Checkout
    returns: jira_story.Returns
    token: str


def _set_the_scene(directory: Path, port: int, voice: Voice, ending: ExitStack, clock: SteppedClock | None) -> _Scene:
    """Start the service and the trackers; connect them, let the issues become known, then say the aims."""
    quarter = Quarter.of(datetime.now(UTC).date())
    shared = plan.Secrets(github=secrets.token_urlsafe(24), jira=secrets.token_urlsafe(24))
    hub, jira = GitHub("acme", clock=clock or real_clock), Jira(clock=clock or real_clock)
    ending.callback(hub.stop)
    ending.callback(jira.stop)
    service = Service(directory=directory, port=port, settings=shared.environment())
    ending.callback(service.stop)
    voice.say("Setting up a fresh OKR Sync in var/demo …", "dim")
    service.run("migrate")
    service.apply("company.yaml", plan.company_file(hub, jira, quarter))
    service.start()
    token = service.run("token", "create", "--name", "demo", "--role", "viewer")
    service.wait_until_ready()
    hub.start()
    jira.start()
    visitor = Visitor(service.address, service.run("sign-in", plan.ANA))
    watcher = Watcher(service.address, token, changes=visitor.changes, check=service.check)
    stage = Stage(
        hub=hub,
        jira=jira,
        service=service,
        watcher=watcher,
        visitor=visitor,
        voice=voice,
        quarter=quarter,
        aims={aim.slug: aim for aim in plan.AIMS},
        clock=clock,
    )
    checkout = github_story.furnish(hub, f"{service.address}/hooks/acme-github", shared.github)
    returns = jira_story.furnish(jira, f"{service.address}/hooks/acme-jira", shared.jira)
    stage.tick()
    github_story.finish_some(checkout)
    jira_story.finish_some(returns)
    _let_them_be_known(stage)
    service.apply("okrs.yaml", plan.okrs_file(quarter))
    watcher.wait_for(stage.expected(), seconds=60)
    stage.begin()
    return _Scene(stage=stage, checkout=checkout, returns=returns, token=token)


def _let_them_be_known(stage: Stage) -> None:
    for tracker in (stage.hub, stage.jira):
        tracker.flush(60)
        refused = [one.status for one in tracker.deliveries if not one.accepted]
        if refused:
            raise DemoFailed(f"the first webhooks were refused: {refused}; see {stage.service.log}")
    sent = {one.parcel.id for tracker in (stage.hub, stage.jira) for one in tracker.deliveries}
    stage.watcher.wait_until(
        lambda: (
            len(settled := stage.watcher.deliveries()) >= len(sent)
            and all(one["state"] == "settled" for one in settled.values())
        ),
        "the first webhooks are applied",
        seconds=60,
    )


def _introduce(stage: Stage, token: str) -> None:
    address, say = stage.service.address, stage.voice.say
    say()
    say(f"OKR Sync runs at {address}", "bold")
    say(f"  Sign in as Ana Ruiz, admin (once, within 15 minutes):  {stage.service.run('sign-in', plan.ANA)}")
    say(f'  The API, as a viewer:  curl -H "Authorization: Bearer {token}" {address}/api/v1/key-results')
    say(f"  The simulated trackers: GitHub at {stage.hub.url}, Jira at {stage.jira.url}")
    say(f"  What the service says: {stage.service.log}", "dim")


def _tell_the_story(scene: _Scene) -> None:
    stage, voice = scene.stage, scene.stage.voice
    _introduce(stage, scene.token)
    voice.chapter("Where the key results stand")
    voice.standings([(aim, stage.known[slug]) for slug, aim in stage.aims.items()])
    if not stage.quick:
        voice.say(f"\nThe story begins in {TIME_TO_LOOK:g} seconds: time to open it in a browser.", "bold")
        time.sleep(TIME_TO_LOOK)
    _act_it_out(scene)
    _sum_up(stage)
    if stage.quick and stage.problems:
        raise DemoFailed("\n  ".join(["these expectations did not hold:", *stage.problems]))


def _act_it_out(scene: _Scene) -> None:
    stage, checkout, returns = scene.stage, scene.checkout, scene.returns
    stage.voice.chapter("Work closes")
    github_story.work_closes(stage, checkout)
    jira_story.work_closes(stage, returns)
    stage.voice.chapter("Webhooks go wrong")
    github_story.letters_go_wrong(stage, checkout)
    jira_story.letters_go_wrong(stage, returns)
    stage.voice.chapter("Work moves")
    github_story.work_moves(stage, checkout)
    jira_story.work_moves(stage, returns)
    stage.voice.chapter("People have a say")
    _check_in(stage)
    _add_a_rule(stage)


def _check_in(stage: Stage) -> None:
    with stage.watching("Ana", "checks in: the recommendation score is 38", actor="Ana Ruiz") as act:
        page = "/key-results/KR-7"
        stage.visitor.submit(f"{page}/check-ins", on=page, value="38", note="Survey of this month")
        stage.checked_in["KR-7"] = 38
        act.because("KR-7", None, "checked in: Survey of this month")


def _add_a_rule(stage: Stage) -> None:
    told = "okr-sync apply: a rule says that issues labelled “speed” count toward KR-3"
    with stage.watching("Admin", told, actor="") as act:
        stage.service.apply("speed.yaml", plan.added_rule_file())
        stage.replace_aim("KR-3", counts=plan.speed_up_by_rule)
        act.because("KR-3", None, "rule speed added")


def _sum_up(stage: Stage) -> None:
    voice, values = stage.voice, stage.expected()
    voice.chapter("Where the key results stand now")
    voice.standings([(aim, values[slug]) for slug, aim in stage.aims.items()])
    voice.chapter("The mails in the local mailbox")
    mailbox.show_and_check(stage)
    voice.say()
    voice.times(stage.times)
