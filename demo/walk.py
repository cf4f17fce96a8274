"""The whole story of one air-gapped site, told with the real commands. Read it from `main` down, as a tutorial.

CALM (the vendor) and the Control Room (the site) share nothing but the folder demo/gap, through which files go.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from story import GAP, HERE, SECRETS, Side, begin_anew, chapter, console, must, note, product, wait

calm = Side("calm", HERE / "calm", SECRETS / "calm.passphrase", "blue")
site = Side("control-room", HERE / "site", SECRETS / "site.passphrase", "magenta")

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def day(days: int) -> str:
    return f"{TODAY + timedelta(days=days):%Y-%m-%d}"


YEAR_END, NEXT_YEAR_END = day(365), day(730)
IN_A_WEEK = 6  # days
BOTS, PAGES, CREATORS = "unattended-bot-runner", "document-pages", "bot-creator"


def main() -> None:
    started = time.monotonic()
    begin_anew(calm, site)
    purchases = vendor_prepares()
    enable_the_site()
    first_license()
    people_and_bots_work()
    upsell(purchases)
    reduction()
    mistake_withdrawn()
    early_renewal(purchases)
    restored_backup(purchases)
    release_and_return()
    enabled_again()
    fewer_next_week()
    the_day_itself()
    calm_restored()
    the_end(time.monotonic() - started)


def vendor_prepares() -> dict[str, str]:
    chapter("1 · The vendor", "Northwind Bank may not connect its site. CALM records what it bought, and an approval.")
    calm.run("init --vendor 'Automation Vendor'", "nina")
    calm.run("account add 'Northwind Bank'", "nina")
    calm.run("guid add --account 'Northwind Bank' --label Oslo", "nina")
    bought = {
        CREATORS: _purchase(CREATORS, 4),
        BOTS: _purchase(BOTS, 2),
        PAGES: _purchase(PAGES, 10_000),
        "automator-ai": _purchase("automator-ai", 1),
    }
    calm.refused("token download --account 'Northwind Bank' --out gap/northwind.token", "no_approval", "nina")
    asked = calm.run(
        "approval request --account 'Northwind Bank' --industry Finance"
        " --reason 'closed network by regulation' --version 40.0.0",
        "nina",
    )
    calm.run(f"approval grant {asked['approval']} --reason 'site visit, report 7'", "otto")
    calm.run("trust export --out gap/trust.json", "nina")
    note("An approval is in force; the vendor's root thumbprints go with the product.")
    return bought


def _purchase(sku: str, quantity: int, start: str = day(0), until: str = YEAR_END) -> str:
    added = calm.run(
        f"purchase add --account 'Northwind Bank' --product {sku} --quantity {quantity} --from {start} --until {until}",
        "nina",
    )
    return str(added["purchase"])


def enable_the_site() -> None:
    chapter("2 · Set-up, once", "A token, valid 24 hours from its download, is carried to the site and installed.")
    site.run("init --trust gap/trust.json --name 'Oslo Vault' --administrator kari")
    site.refused("request generate --out gap/too-early.lfr", "not_enabled")
    calm.run("token download --account 'Northwind Bank' --out gap/northwind.token", "nina")
    enabled = site.run("token install gap/northwind.token", "kari")
    must(enabled["state"] == "enabled", "the site is enabled; it can request licenses, and grants nothing yet")


def first_license() -> None:
    chapter("3 · The first license", "A request goes out, totals only; a license file comes back, sealed to this site.")
    site.run("request generate --out gap/northwind-0001.lfr", "kari")
    request = calm.run("request accept gap/northwind-0001.lfr --guid Oslo", "nina")
    _issue(request, f"--product {CREATORS}=3 --product {BOTS}=2 --product {PAGES}=5000 --product automator-ai=1", 1)
    site.run("license preview gap/northwind-0001.olf", "kari")
    site.run("license install gap/northwind-0001.olf", "kari")
    must(site.run("status")["state"] == "active", "the license file is installed: it is the site's sole authority")


def _issue(request: dict[str, Any], what: str, number: int, until: str = YEAR_END) -> dict[str, Any]:
    span = f" --until {until}" if "--product" in what else ""
    out = f"gap/northwind-{number:04}.olf"
    return calm.run(f"license-file issue --request {request['lfr']} {what}{span} --out {out}", "nina")


def people_and_bots_work() -> None:
    chapter(
        "4 · Work", "Users are assigned on the command line; bots ask the site's server, over REST. All of it here."
    )
    for user in ("anna", "bert", "cleo"):
        site.run(f"user assign {CREATORS} {user}", "kari")
    site.refused(f"user assign {CREATORS} dora", "exhausted", "kari")
    lease = site.run(f"seat acquire {BOTS} --holder bot-17")["lease_id"]
    site.run(f"seat renew {lease}")
    site.run(f"seat release {lease}")
    site.run("feature check automator-ai")
    key = SECRETS / "bots.key"
    site.run("api-key create --name bots --may take --all-products --out safe/bots.key", "kari")
    with site.serving() as url:
        note(f"The Control Room's server answers bots at {url}.")
        told = site.bot(url, key)
        must([step["refused"] for step in told if "refused" in step] == ["exhausted"], "two seats are never three")
        must(told[-1]["left"] == 3800, "1,000 pages and 200 of 500 reserved: 3,800 are left")
        site.run(f"seat acquire {BOTS} --holder bot-20 --ttl 5")
        note("The command line asked the running server, through the socket in the data folder.")
    note("SIGTERM: the server answered what it had taken, and ended.")
    site.refused(f"units consume {PAGES} 3801", "exhausted")
    must(
        product(site.run("status"), PAGES)["remaining"] == 3800,
        "what the bot did is in the ledger: 3,800 of 5,000 pages are left",
    )


def upsell(bought: dict[str, str]) -> None:
    chapter("5 · Upsell", "Northwind buys two more Bot Creator. The same cycle, no new set-up.")
    bought["more creators"] = _purchase(CREATORS, 2)
    site.run("request generate --out gap/northwind-0002.lfr", "kari")
    request = calm.run("request accept gap/northwind-0002.lfr --guid Oslo", "nina")
    calm.refused(
        f"license-file issue --request {request['lfr']} --product {CREATORS}=7 --until {YEAR_END} --out gap/no.olf",
        "over_entitlement",
        "nina",
    )
    _issue(request, f"--product {CREATORS}=6 --product {BOTS}=2 --product {PAGES}=5000 --product automator-ai=1", 2)
    site.run("license install gap/northwind-0002.olf --receipt gap/northwind-0002.receipt", "kari")
    site.run(f"user assign {CREATORS} dora", "kari")
    must(product(site.run("status"), CREATORS)["granted"] == 6, "six Bot Creator are granted, four of them in use")
    calm.run("receipt accept gap/northwind-0002.receipt", "nina")
    note("The receipt confirms the installation to CALM without waiting for the next request.")


def reduction() -> None:
    chapter(
        "6 · A reduction", "Two are to move to another site. CALM warns, the site refuses, somebody is freed, it fits."
    )
    site.run("request generate --out gap/northwind-0003.lfr", "kari")
    request = calm.run("request accept gap/northwind-0003.lfr --guid Oslo", "nina")
    smaller = f"--product {CREATORS}=3 --product {BOTS}=2 --product {PAGES}=5000 --product automator-ai=1"
    issued = _issue(request, smaller, 3)
    warned = [warning["message"] for warning in issued["warnings"] if warning["code"] == "below_use"]
    must(len(warned) == 1, f"CALM warned: {warned[0] if warned else 'nothing'}")
    site.refused("license preview gap/northwind-0003.olf", "does_not_fit", "kari")
    site.refused("license install gap/northwind-0003.olf", "does_not_fit", "kari")
    site.run(f"user unassign {CREATORS} bert", "kari")
    site.run("license install gap/northwind-0003.olf", "kari")
    must(product(site.run("status"), CREATORS)["granted"] == 3, "with bert's seat free, three Bot Creator fit")
    must(_held(CREATORS) == 6, "CALM still holds the old quantity: a reduction returns only when it is proven")


def _held(sku: str) -> int:
    """What CALM treats as out at the site, over all purchases of the product."""
    return sum(int(item["quantity"]) for item in calm.run("guid show Oslo")["held"] if item["sku"] == sku)


def mistake_withdrawn() -> None:
    chapter("7 · A mistake", "A request is made too early. Withdrawn, it is void, and the seven days do not run.")
    site.run("request generate --out gap/northwind-0004.lfr", "kari")
    missed = site.run("forecast --deadline-missed")
    must(missed["state"] == "locked", "had it been forgotten, the site would lock in seven days (forecast)")
    site.run("request withdraw", "kari")
    must(site.run("status")["cycle"] is None, "the cycle is withdrawn; nothing else changed")


def early_renewal(bought: dict[str, str]) -> None:
    chapter("8 · Renewal, early", "Next year is bought now. Its lines start when this year's end.")
    later = {sku: _purchase(sku, amount, YEAR_END, NEXT_YEAR_END) for sku, amount in ((CREATORS, 3), (PAGES, 8000))}
    site.run("request generate --kind renewal --out gap/northwind-0005.lfr", "kari")
    request = calm.run("request accept gap/northwind-0005.lfr --guid Oslo", "nina")
    must(_held(CREATORS) == 3, "this request named the smaller license as installed: the rest returned")
    now = {CREATORS: 3, BOTS: 2, PAGES: 5000, "automator-ai": 1}
    lines = [f"--line {bought[sku]}={amount}" for sku, amount in now.items()]
    lines += [f"--line {later[CREATORS]}=3", f"--line {later[PAGES]}=8000"]
    _issue(request, " ".join(lines), 5)
    site.run("license install gap/northwind-0005.olf --receipt gap/northwind-0005.receipt", "kari")
    calm.run("receipt accept gap/northwind-0005.receipt", "nina")
    starts_later = [line for line in site.run("status")["lines"] if line["starts_later"]]
    must(len(starts_later) == 2, "two lines wait for their day")
    renewed = product(site.run(f"forecast --on {day(400)}"), PAGES)
    must(renewed["granted"] == 8000, "on a day in next year, 8,000 pages will be granted (forecast)")
    bought["later pages"] = later[PAGES]


def restored_backup(bought: dict[str, str]) -> None:
    chapter("9 · A restored backup", "The server dies. An old backup is put back, and knows nothing of 800 pages.")
    site.run("backup --out safe/oslo.backup", "kari")
    site.run(f"units consume {PAGES} 800")
    site.run("request generate --out gap/northwind-0006.lfr", "kari")
    calm.run("request accept gap/northwind-0006.lfr --guid Oslo", "nina")
    must(product(site.run("status"), PAGES)["consumed"] == 2000, "2,000 pages consumed; CALM has seen it")
    site.run("restore safe/oslo.backup", "kari")
    must(product(site.run("status"), PAGES)["consumed"] == 1200, "the restored site believes in 1,200")
    site.run(f"units consume {PAGES} 50")
    size = _refused_history()
    site.run(f"request generate --since {size} --out gap/northwind-0008.lfr", "kari")
    calm.refused("request accept gap/northwind-0008.lfr --guid Oslo", "history_mismatch", "nina")
    accepted = _two_people_accept()
    lines = [f"--line {bought[CREATORS]}=3", f"--line {bought[BOTS]}=2", f"--line {bought[PAGES]}=5000"]
    _issue(accepted, " ".join(lines), 8)
    site.run("license install gap/northwind-0008.olf", "kari")
    must(product(site.run("status"), PAGES)["consumed"] == 2050, "nothing is forgotten: 1,200 + 800 + 50 pages")


def _refused_history() -> int:
    """The first request after the restore: CALM asks to be shown the history since what it saw last."""
    site.run("request generate --out gap/northwind-0007.lfr", "kari")
    refusal = calm.refused("request accept gap/northwind-0007.lfr --guid Oslo", "history_not_shown", "nina")
    return int(refusal["run"].split("--since ")[1].split()[0])


def _two_people_accept() -> dict[str, Any]:
    room = site.run("status")["control_room"]
    proposed = calm.run(
        f"control-room accept-history {room} --reason 'server died, backup restored, seen on site'", "nina"
    )
    calm.refused(f"confirm {proposed['proposal']}", "needs_second_person", "nina")
    accepted = calm.run(f"confirm {proposed['proposal']}", "otto")
    note("Two people accepted the new history, with a reason; the evidence is kept.")
    return accepted


def release_and_return() -> None:
    chapter("10 · Release", "The site is closed for now. What was not consumed returns to the account.")
    site.run("request generate --kind release --out gap/northwind-0009.lfr", "kari")
    site.refused(f"units consume {PAGES} 1", "released")
    calm.run("request accept gap/northwind-0009.lfr --guid Oslo", "nina")
    pages = next(row for row in calm.run("purchase list --account 'Northwind Bank'") if row["sku"] == PAGES)
    must((pages["held"], pages["spent"]) == (0, 2050), "2,050 pages are spent, the rest can be granted elsewhere")


def enabled_again() -> None:
    chapter("11 · Enabled again", "A new token, the same site: its identity, its ledger and its sequence go on.")
    calm.run("token download --account 'Northwind Bank' --out gap/northwind-again.token", "nina")
    site.run("token install gap/northwind-again.token", "kari")
    site.run("request generate --out gap/northwind-0010.lfr", "kari")
    request = calm.run("request accept gap/northwind-0010.lfr --guid Oslo", "nina")
    _issue(request, f"--product {CREATORS}=4 --product {BOTS}=2 --product {PAGES}=7000", 10)
    site.run("license install gap/northwind-0010.olf", "kari")
    site.run(f"units consume {PAGES} 300")
    must(product(site.run("status"), PAGES)["remaining"] == 6700, "the site works again: 6,700 pages are left")


def fewer_next_week() -> None:
    chapter("12 · Renewal, with fewer seats", "Next week's seats are fewer. Both sides say so today.")
    many = _purchase(CREATORS, 4, until=day(IN_A_WEEK))
    few = _purchase(CREATORS, 1, day(IN_A_WEEK), NEXT_YEAR_END)
    pages = next(row for row in calm.run("purchase list --account 'Northwind Bank'") if row["sku"] == PAGES)
    site.run("request generate --kind renewal --out gap/northwind-0011.lfr", "kari")
    request = calm.run("request accept gap/northwind-0011.lfr --guid Oslo", "nina")
    _issue(request, f"--line {many}=4 --line {few}=1 --line {pages['purchase']}=7000", 11)
    site.run("license install gap/northwind-0011.olf --receipt gap/northwind-0011.receipt", "kari")
    calm.run("receipt accept gap/northwind-0011.receipt", "nina")
    (coming,) = [each for each in product(site.run("status"), CREATORS)["changes"] if each["announced"]]
    must((coming["before"], coming["after"]) == (4, 1), f"the site says: {coming['words']}")
    mails = calm.run("notify")
    must(bool(mails["nobody"]), f"CALM would mail the customer: {mails['nobody'][0]['subject']}")
    forecast = site.run(f"forecast --on {day(IN_A_WEEK)}")
    must(product(forecast, CREATORS)["granted"] == 1, "on that day one seat will be granted (forecast)")
    must(forecast["uncovered"][0]["count"] == 2, "and it is known today that two people will not be covered")


def the_day_itself() -> None:
    chapter("13 · The day itself", "Nobody did anything, and nobody carried a file: the lines end by the clock.")
    wait(IN_A_WEEK)
    creators = product(site.run("status"), CREATORS)
    must((creators["granted"], creators["in_use"]) == (1, 3), "one seat is granted, and three people are assigned")
    site.run(f"user check {CREATORS} anna")
    for user in ("cleo", "dora"):
        site.refused(f"user check {CREATORS} {user}", "not_covered")
    covered = {holder["holder"]: holder["covered"] for holder in site.run("usage show")["holders"]}
    must(covered == {"anna": True, "cleo": False, "dora": False}, "who came first is covered; nobody is unassigned")
    site.shown("status")
    calm.shown("control-room list")
    (mail,) = calm.run("notify")["nobody"]
    must(mail["step"] == 0, f"CALM would mail the customer: {mail['subject']}")


def calm_restored() -> None:
    chapter("14 · CALM is restored", "The vendor's disk dies. Its backup knows nothing of the site's newest license.")
    calm.run("backup --out safe/calm.backup", "nina")
    site.run("request generate --out gap/northwind-0012.lfr", "kari")
    request = calm.run("request accept gap/northwind-0012.lfr --guid Oslo", "nina")
    _issue(request, f"--product {CREATORS}=4 --product {BOTS}=2 --product {PAGES}=7000", 12)
    site.run("license install gap/northwind-0012.olf", "kari")
    calm.run("restore safe/calm.backup", "nina")
    stated = calm.run("log resume --reason 'the disk was lost'", "nina")
    calm.run(f"confirm {stated['proposal']}", "otto")
    note("Two people stated it, and the vendor's roots signed it: every site will show this break of the log.")
    site.run("request generate --out gap/northwind-0013.lfr", "kari")
    refusal = calm.refused("request accept gap/northwind-0013.lfr --guid Oslo", "not_remembered", "nina")
    options = refusal["run"].partition("generate ")[2].partition("--out")[0]
    note(f"The refusal says what to bring: {refusal['run']}")
    site.run(f"request generate {options}--out gap/northwind-0014.lfr", "kari")
    calm.refused("request accept gap/northwind-0014.lfr --guid Oslo", "not_remembered", "nina")
    proposed = calm.run("control-room take-back Oslo --reason 'the site holds what we signed'", "nina")
    taken = calm.run(f"confirm {proposed['proposal']}", "otto")
    note("Taken back from the site's own file: nobody stated less or more than was granted.")
    _issue(taken, f"--product {CREATORS}=4 --product {BOTS}=2 --product {PAGES}=7000", 14)
    site.run("license install gap/northwind-0014.olf", "kari")
    must(site.run("status")["state"] == "active", "the site is licensed on, and was never dark")


def the_end(took: float) -> None:
    chapter("The end", "What is licensed, used and left; both records of it, checked from the stored bytes.")
    site.shown("status")
    site.shown("ledger verify")
    calm.shown("log verify")
    console.print()
    files = sorted(path.name for path in GAP.iterdir())
    console.print(f"Carried across the gap, in {Path('demo/gap')}: {len(files)} files. Read any of them:")
    console.print("  .venv/bin/carnet inspect demo/gap/northwind-0008.lfr")
    console.print("  .venv/bin/carnet inspect demo/gap/northwind-0008.olf --data demo/site")
    console.print(f"[green]Every step did what it should, in {took:.0f} s.[/green]")


if __name__ == "__main__":
    sys.exit(main())
