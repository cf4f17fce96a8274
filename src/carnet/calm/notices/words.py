"""What a notice says: what, when (UTC), what it means, what to do."""

from django.utils.translation import gettext as _

from carnet.calm.notices.due import About, Notice
from carnet.calm.overview.words import moment


def subject(notice: Notice) -> str:
    name, at = notice.site.name, moment(notice.moment)
    if notice.about is About.DEADLINE:
        return _("{name}: {hours} hours left to install, until {at}").format(name=name, hours=notice.step, at=at)
    if notice.step == 0:
        return _("{name}: the license ended {at}").format(name=name, at=at)
    days = _("1 day") if notice.step == 1 else _("{days} days").format(days=notice.step)
    return _("{name}: the license ends in {days}, {at}").format(name=name, days=days, at=at)


def body(notice: Notice) -> str:
    site, at = notice.site, moment(notice.moment)
    if notice.about is About.DEADLINE and site.answered:
        lines = [
            _("The license file for {name} must be installed before {at}.").format(name=site.name, at=at),
            _("After that the site refuses it, and a cycle that stays open for 7 days locks the Control Room."),
            _("Check with the courier. If it is installed, upload its receipt in CALM."),
        ]
    elif notice.about is About.DEADLINE:
        lines = [
            _("The request of {name} waits for its license file, which must be installed before {at}.").format(
                name=site.name, at=at
            ),
            _("After that a new request is needed, and a cycle that stays open for 7 days locks the Control Room."),
            _("Open the License GUID in CALM, configure the entitlements, issue and carry the file."),
        ]
    else:
        lines = [
            _("The license of {name} ends {at}.").format(name=site.name, at=at),
            _("From then on nothing new is granted there, after the grace that its lines may have."),
            _("Generate a License File Request at the site, upload it in CALM, and carry the new license file back."),
        ]
    head = _("{account}, Control Room {name}, License GUID {guid}").format(
        account=site.account_name, name=site.name, guid=site.guid
    )
    return "\n\n".join([head, *lines]) + "\n"
