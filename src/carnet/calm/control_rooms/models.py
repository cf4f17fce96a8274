"""Rows: each Control Room, what CALM saw of its history, what it was issued, what is out there, and evidence."""

from django.db import models

from carnet.calm.customers.models import Account
from carnet.calm.purchases.models import Guid, Purchase


class ControlRoom(models.Model):
    class State(models.TextChoices):
        ACTIVE = "active"
        RELEASED = "released"
        WRITTEN_OFF = "written_off"

    id = models.CharField(primary_key=True, max_length=36)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    guid = models.OneToOneField(Guid, null=True, on_delete=models.PROTECT)  # H5
    name = models.CharField(max_length=200)
    version = models.CharField(max_length=32)
    reads = models.TextField(blank=True)  # E17: SiteReads, JSON, as its newest LFR states them
    state = models.CharField(max_length=16, choices=State.choices)
    keys = models.TextField()  # KeyPair, JSON
    pending_keys = models.TextField(blank=True)  # E15: KeyPair, JSON, until a file is signed by it
    retired_keys = models.TextField(blank=True)  # E15: one a line, with the size of the ledger then
    enrolment = models.ForeignKey("Enrolment", null=True, on_delete=models.PROTECT, related_name="+")
    newest_lfr = models.ForeignKey("AcceptedLfr", null=True, on_delete=models.PROTECT, related_name="+")
    seen_size = models.BigIntegerField(default=0)  # L2: the checkpoint seen last, by LFR or receipt
    seen_root = models.CharField(max_length=43, blank=True)
    last_sequence = models.BigIntegerField(default=0)  # of the LFRs taken
    last_license_file = models.BigIntegerField(default=0)  # the highest OLF sequence ever issued (E7)
    confirmed = models.BigIntegerField(default=0)  # H2: the OLF sequence last confirmed; 0 for none
    history_stated = models.BigIntegerField(default=0)  # the newest acceptance that its totals include
    first_seen = models.DateTimeField()
    changed_at = models.DateTimeField()
    # what pages ask of thousands of rooms at once, written with what it follows from (`standing`)
    licensed_until = models.DateTimeField(null=True)  # the last line's end in the OLF that is confirmed
    grace_until = models.DateTimeField(null=True)  # the same, grace included
    cycle_opened_at = models.DateTimeField(null=True)  # E4: of the open cycle; none where none is open
    deadline = models.DateTimeField(null=True)  # E5: of the open cycle's newest LFR
    cycle_ends = models.DateTimeField(null=True)  # E4: when the open cycle is missed
    expiring_from = models.DateTimeField(null=True)  # S: from when it is *expiring*
    missed_cycle_locks = models.BooleanField(default=True)  # E8, E18
    windows = models.TextField(blank=True)  # E18: Windows, JSON, that it goes by as far as CALM knows
    site_state = models.CharField(max_length=200, blank=True)  # as its newest LFR states it
    set_backs = models.BigIntegerField(default=0)  # T2: by the newest LFR, beyond those at the install before
    set_backs_known = models.BigIntegerField(default=0)
    owed = models.BooleanField(default=False)  # Q5: by the newest LFR
    readmitted_at = models.DateTimeField(null=True)  # E11: two people let it enrol again

    class Meta:
        indexes = (
            models.Index(fields=["account", "name"], name="rooms_of_account"),
            models.Index(fields=["licensed_until"], name="rooms_by_end"),
            models.Index(fields=["deadline"], name="rooms_by_deadline", condition=models.Q(deadline__isnull=False)),
            models.Index(fields=["changed_at"], name="rooms_set_back", condition=models.Q(set_backs__gt=0)),
            models.Index(fields=["changed_at"], name="rooms_that_owe", condition=models.Q(owed=True)),
        )

    def __str__(self) -> str:
        return self.name


class Enrolment(models.Model):
    id = models.CharField(primary_key=True, max_length=36)
    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT, related_name="+")
    guid = models.ForeignKey(Guid, on_delete=models.PROTECT)
    token = models.CharField(max_length=36, unique=True)  # E2: a token enrols once
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=16, blank=True)  # released | written_off
    exposed = models.TextField(blank=True)  # E11, E12: what it held, JSON of `ExposedLine`; a copy may still use it
    exposed_until = models.DateTimeField(null=True)  # the last end of these

    class Meta:
        indexes = (
            models.Index(
                fields=["exposed_until"], name="enrolments_exposed", condition=models.Q(exposed_until__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return self.id


class AccountChange(models.Model):
    """E11: a Control Room that was released under one account, and enrolled under another."""

    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT)
    was = models.ForeignKey(Guid, on_delete=models.PROTECT, related_name="+")  # the License GUID that it left
    now = models.ForeignKey(Guid, on_delete=models.PROTECT, related_name="+")
    lfr = models.CharField(max_length=36)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.room_id}: {self.was_id}, {self.now_id}"


class AcceptedLfr(models.Model):
    """An LFR that was accepted; its bytes are kept, last in the row: SQLite reads them only where they are asked for.
    What pages show of it is kept beside them, so that none reads an LFR again."""

    id = models.CharField(primary_key=True, max_length=36)
    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT, db_index=False)
    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT)
    sequence = models.BigIntegerField()
    kind = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    size = models.IntegerField(default=0)  # bytes
    generated_at = models.DateTimeField()
    accepted_at = models.DateTimeField()
    accepted_by = models.CharField(max_length=200, blank=True)
    used = models.BooleanField(default=False)  # E6
    believed = models.BooleanField(default=True)  # False once its history was given up
    cycle = models.CharField(max_length=36, blank=True)  # none for a release, as with its times
    opened_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True)  # E5: by what CALM signed, and never later than the site wrote
    windows = models.TextField(blank=True)  # E18: Windows, JSON, that CALM had signed for the site
    withdrawn_before = models.BigIntegerField(default=0)  # E14
    state = models.CharField(max_length=200, blank=True)  # as the site states it
    installed = models.BigIntegerField(default=0)  # the OLF it names; 0 for none
    seen_from = models.BigIntegerField(default=0)  # L2: records that CALM had seen before; 0 where it is the first
    seen_to = models.BigIntegerField(default=0)
    clock_trusted = models.DateTimeField(null=True)
    clock_system = models.DateTimeField(null=True)
    set_backs = models.BigIntegerField(default=0)  # T2
    largest_set_back_s = models.BigIntegerField(default=0)
    owed = models.BooleanField(default=False)  # Q5
    new_keys = models.BooleanField(default=False)  # E15
    history_accepted = models.BigIntegerField(default=0)  # L2: the newest acceptance that its totals include
    refusals = models.TextField(default="[]")  # list[RefusalCount], JSON
    totals = models.TextField(default="[]")  # list[LineTotals], JSON
    raw = models.BinaryField()

    class Meta:
        indexes = (models.Index(fields=["room", "accepted_at"], name="lfrs_of_room"),)

    def __str__(self) -> str:
        return self.id


class SeenCheckpoint(models.Model):
    """L2: a checkpoint that an accepted file showed, the proofs it came with, and the totals counted then."""

    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT)
    size = models.BigIntegerField()
    root = models.CharField(max_length=43)
    of = models.CharField(max_length=36)
    words = models.CharField(max_length=64)  # what showed it, for people
    at = models.DateTimeField()
    history = models.TextField()  # History, JSON
    totals = models.TextField()  # counting.Stated, JSON
    believed = models.BooleanField(default=True)

    class Meta:
        indexes = (models.Index(fields=["room", "size"], name="seen_by_size"),)

    def __str__(self) -> str:
        return f"{self.room_id} at {self.size}"


class Counted(models.Model):
    """Q3: what CALM counts as consumed on a line in a period, what accepted histories added included."""

    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT)
    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT)
    line_id = models.CharField(max_length=36)
    sku = models.CharField(max_length=64)
    period_start = models.DateTimeField(null=True)
    units = models.BigIntegerField()
    stated = models.BooleanField(default=True)  # by the history that CALM believes
    settled = models.BooleanField(default=False)  # Q3: final; the site need not state it any more

    class Meta:
        constraints = (models.UniqueConstraint(fields=["room", "line_id", "period_start"], name="counted_once"),)

    def __str__(self) -> str:
        return f"{self.line_id}: {self.units}"


class Acceptance(models.Model):
    """L2: a history that two people accepted against the one that CALM had seen."""

    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT)
    number = models.BigIntegerField()
    checkpoint = models.TextField()  # CheckpointFields, JSON
    add = models.TextField()  # list[AddedUnits], JSON
    carried = models.TextField(default="[]")  # list[counting.Carried], JSON: the same, with what it was judged by
    lfr = models.CharField(max_length=36)
    reason = models.CharField(max_length=2000)
    by = models.CharField(max_length=200)
    second = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["room", "number"], name="acceptances_are_numbered"),)

    def __str__(self) -> str:
        return f"{self.room_id}: {self.number}"


class LicenseFile(models.Model):
    """An OLF that was issued; its bytes are kept, and are what is downloaded again (E6)."""

    class State(models.TextChoices):
        ISSUED = "issued"
        CONFIRMED = "confirmed"
        DISPROVED = "disproved"

    id = models.CharField(primary_key=True, max_length=36)
    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT)
    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT)
    # E6: one answer for each LFR; none where the file was taken back (L6), and what it answered is forgotten
    lfr = models.OneToOneField(AcceptedLfr, null=True, on_delete=models.PROTECT)
    sequence = models.BigIntegerField()
    issued_at = models.DateTimeField()
    install_by = models.DateTimeField()
    issued_by = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=State.choices)
    settled_at = models.DateTimeField(null=True)  # when it was confirmed or disproved,
    settled_by = models.CharField(max_length=16, blank=True)  # and by what: receipt | lfr | history
    valid_until = models.DateTimeField()  # of its last line
    ends = models.DateTimeField()  # the same, grace included
    size = models.IntegerField()  # bytes
    digest = models.CharField(max_length=64)
    receipt = models.CharField(max_length=64, blank=True)  # the digest of the receipt that confirmed it
    log_index = models.BigIntegerField()  # V1: of its record in the issuing log
    site_clock_is_off = models.BooleanField(default=False)  # E5: issued on that statement
    lowers_clock = models.BooleanField(default=False)  # T3
    windows = models.TextField()  # E18: Windows, JSON, as it was signed
    taken_back = models.BooleanField(default=False)  # L6: issued in a time that CALM forgot
    raw = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["room", "sequence", "taken_back"], name="sequence_counts_by_room"),
        )

    def __str__(self) -> str:
        return f"{self.room_id}: {self.sequence}"


class LicenseLine(models.Model):
    """A line of an OLF. `out`: CALM must still treat it as held at the site (H2)."""

    license_file = models.ForeignKey(LicenseFile, on_delete=models.PROTECT, db_index=False)
    guid = models.ForeignKey(Guid, on_delete=models.PROTECT, db_index=False)
    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT, db_index=False)
    purchase = models.ForeignKey(Purchase, on_delete=models.PROTECT, db_index=False)
    line_id = models.CharField(max_length=36)
    file_sequence = models.BigIntegerField()
    lfr_sequence = models.BigIntegerField()
    quantity = models.BigIntegerField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    ends = models.DateTimeField()  # grace included
    units = models.BooleanField()
    out = models.BooleanField(default=True)

    class Meta:
        indexes = (
            models.Index(fields=["purchase", "out"], name="lines_out"),
            models.Index(fields=["room", "out"], name="lines_out_at_room"),
            models.Index(fields=["room", "file_sequence"], name="lines_of_file"),
        )

    def __str__(self) -> str:
        return f"{self.line_id}: {self.quantity}"


class ComingChange(models.Model):
    """S: what the OLF that is confirmed makes less of a product, but for what comes with its own end. Derived from its
    lines, so that no page works it out for a thousand sites."""

    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT, db_index=False)
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    metric = models.CharField(max_length=16)
    at = models.DateTimeField()  # the first moment of `after`, grace included
    ends = models.DateTimeField()  # what the steps of notices count to
    before = models.BigIntegerField()
    after = models.BigIntegerField()
    expiring_from = models.DateTimeField()  # the first step of the windows before `ends` (E18)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["room", "sku", "at"], name="one_change_at_a_time"),)
        indexes = (
            models.Index(fields=["room", "ends"], name="changes_of_room"),
            models.Index(fields=["ends"], name="changes_by_end"),
        )

    def __str__(self) -> str:
        return f"{self.sku}: {self.before}, {self.after}"


class Kept(models.Model):
    """H2: units of a purchase that a site is proven to have consumed on its line, up to what the line may have had."""

    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT)
    guid = models.ForeignKey(Guid, on_delete=models.PROTECT)
    purchase = models.ForeignKey(Purchase, on_delete=models.PROTECT)
    units = models.BigIntegerField()
    period_start = models.DateTimeField(null=True)
    most = models.BigIntegerField()  # the largest quantity that the line may have had in the period
    late = models.BigIntegerField(default=0)  # H2: of `units`, those stated after the total was final
    live = models.BooleanField(default=True)  # False once the enrolment ended: then it is spent

    class Meta:
        constraints = (models.UniqueConstraint(fields=["enrolment", "purchase"], name="kept_once"),)
        indexes = (models.Index(fields=["late"], name="kept_late", condition=models.Q(late__gt=0)),)

    def __str__(self) -> str:
        return f"{self.purchase_id}: {self.units}"


class Spent(models.Model):
    """H4: units that an enrolment consumed, or took with it, and that do not come back (in their period)."""

    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT)
    purchase = models.ForeignKey(Purchase, on_delete=models.PROTECT)
    units = models.BigIntegerField()
    period_start = models.DateTimeField(null=True)
    most = models.BigIntegerField()  # what its line may have had: a later release LFR corrects `units` up to it
    why = models.CharField(max_length=16)  # released | written_off
    late = models.BigIntegerField(default=0)  # H2: of `units`, those stated after a release

    class Meta:
        constraints = (models.UniqueConstraint(fields=["enrolment", "purchase"], name="spent_once"),)
        indexes = (models.Index(fields=["late"], name="spent_late", condition=models.Q(late__gt=0)),)

    def __str__(self) -> str:
        return f"{self.purchase_id}: {self.units}"


class RefusedFile(models.Model):
    """A file that was refused, kept as evidence with what CALM said of it."""

    account = models.CharField(max_length=36, blank=True)  # where one is known: whose GUID or Control Room it is
    room = models.CharField(max_length=36, blank=True)
    guid = models.CharField(max_length=36, blank=True)
    kind = models.CharField(max_length=32)
    code = models.CharField(max_length=32)
    digest = models.CharField(max_length=64)
    size = models.IntegerField(default=0)  # bytes
    at = models.DateTimeField()
    by = models.CharField(max_length=200)
    resolved = models.BooleanField(default=False)
    name = models.CharField(max_length=200, blank=True)  # of the Control Room, as the file has it
    sequence = models.BigIntegerField(default=0)  # of the LFR or the OLF, as the file has it
    generated_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True)
    next = models.TextField(blank=True)
    evidence = models.TextField(default="[]")  # list[str], JSON
    raw = models.BinaryField()  # empty once it is let go (N2)
    is_whole = models.BooleanField()  # `raw` is there
    known = models.BooleanField()  # it bears a signature that CALM knows

    class Meta:
        indexes = (
            models.Index(fields=["room", "code"], name="refused_by_room"),
            models.Index(fields=["account", "at"], name="refused_by_account"),
            models.Index(
                fields=["account", "id"], name="refused_whole", condition=models.Q(known=False, is_whole=True)
            ),
            models.Index(fields=["guid", "at"], name="refused_by_guid"),
            models.Index(fields=["at", "code", "room"], name="refused_open", condition=models.Q(resolved=False)),
        )

    def __str__(self) -> str:
        return f"{self.code}: {self.digest}"


class LossReport(models.Model):
    """E12: a customer says that a Control Room is lost. License operations write it off, or it turns up again."""

    class State(models.TextChoices):
        OPEN = "open"
        WRITTEN_OFF = "written_off"
        WITHDRAWN = "withdrawn"
        RELEASED = "released"

    id = models.CharField(primary_key=True, max_length=36)
    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT)
    guid = models.ForeignKey(Guid, on_delete=models.PROTECT)
    reason = models.CharField(max_length=2000)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["room"], condition=models.Q(state="open"), name="reported_lost_once"),
        )

    def __str__(self) -> str:
        return f"{self.room_id}: {self.state}"
