"""The words for our codes: conditions, boxes, lists, peg signs. Never a clinical sentence."""

from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from plan import Medicine, Sheet, SignGroup
from views.rendering import LANGUAGE_NAMES, LOCALES

CONDITIONS = {
    "allergy": _l("Allergy"),
    "asthma": _l("Asthma"),
    "epilepsy": _l("Epilepsy"),
    "febrile-seizures": _l("Febrile seizures"),
    "diabetes": _l("Diabetes"),
    "other": _l("Other condition"),
}
CONDITION_ICONS = {
    "allergy": "i-nut",
    "asthma": "i-lungs",
    "epilepsy": "i-bolt",
    "febrile-seizures": "i-thermo",
    "diabetes": "i-sugar",
    "other": "i-shield",
}
CONDITION_TONES = {
    "allergy": "t-red",
    "asthma": "t-blue",
    "epilepsy": "t-blue",
    "febrile-seizures": "t-amber",
    "diabetes": "t-blue",
    "other": "t-grey",
}
SEVERITIES = {
    "severe": _l("Severe"),
    "moderate": _l("Moderate"),
    "none": _l("Everyday"),
}
SEVERITY_TONES = {"severe": "t-red", "moderate": "t-amber", "none": "t-green"}
SEVERITY_ICONS = {"severe": "i-stop", "moderate": "i-warn", "none": "i-ok"}
RULES = {
    "any": _l("any one of these"),
    "all": _l("all of these together"),
    "": _l("not on the paper"),
}
# What a person says who picks a group of signs.
BRANCHES = {
    "any": _l("Yes, at least one of these"),
    "all": _l("Yes, all of these together"),
    "": _l("Yes, this is so"),
}
# The lines of an emergency's log: {words} stand on the plan, or were typed.
LOG = {
    "start": _l("Started"),
    "guard": _l("The child was recognised"),
    "branch": _l("Chosen: {words}"),
    "step": _l("Done: {words}"),
    "impossible": _l("Not possible ({reason}): {words}"),
    "dose": _l("Given: {words}"),
    "call": _l("Called: {words}"),
    "note": _l("Note: {words}"),
    "correction": _l("Correction: {words}"),
    "end": _l("Ended"),
}
REASONS = {
    "missing": _l("Not found"),
    "broken": _l("Does not work"),
    "nobody": _l("Nobody is free"),
    "other": _l("Another reason"),
}
ROLES = (
    _l("Stays beside the child"),
    _l("Calls"),
    _l("Fetches the kit, opens the door"),
    _l("Minds the other children"),
)
ANSWERS = {"yes": _l("Yes"), "no": _l("No"), "": _l("Not on the paper")}
SWITCHES = {
    "asthma-too": _l("Asthma as well"),
    "act-on-exposure": _l("Certain contact: act even without signs"),
    "severe-without-mild": _l("Severe signs can come without mild ones"),
    "doubt-is-severe": _l("In doubt: treat as severe"),
    "act-without-parents": _l("Act even if the parents cannot be reached"),
}


def branch(group: SignGroup, sheet: Sheet | None = None) -> str:
    """The heading of a group of signs; with its condition where a plan has several."""
    said = str(SEVERITIES[group.severity])
    if group.rule and group.lines("signs"):
        said = _("%(severity)s: %(rule)s", severity=said, rule=RULES[group.rule])
    return f"{CONDITIONS[sheet.condition]}. {said}" if sheet else said


def medicine(given: Medicine) -> str:
    """Name, strength and dose letter by letter."""
    return " ".join(filter(None, (given.name, given.strength, given.dose)))


RENEWALS = {
    "first": _l("First plan"),
    "renewal": _l("Renewal of an earlier plan"),
    "": _l("Not on the paper"),
}
LISTS = {
    "signs": _l("Signs"),
    "remarks": _l("About these signs"),
    "steps": _l("What to do, in this order"),
    "allergens": _l("Allergic to"),
    "hidden-names": _l("Hidden names and cross-reactions"),
    "triggers": _l("Triggers"),
    "usual": _l("What it usually looks like"),
    "history": _l("What happened before"),
    "thresholds": _l("Measured values and limits, as written"),
    "cross": _l("When several conditions meet: the doctor’s own rule"),
    "donts": _l("Do not"),
    "after": _l("Afterwards"),
    "when": _l("When"),
    "how": _l("How"),
    "repeat": _l("Repeat"),
    "vomited": _l("If it is vomited or spat out"),
    "given-by": _l("Who may give it"),
    "storage": _l("Storage"),
    "precautions": _l("Precautions"),
    "review": _l("Review"),
    "kit": _l("Emergency kit"),
    "meals": _l("Meals"),
    "timetable": _l("Times of the day"),
    "activities": _l("Activities"),
    "sleep": _l("Sleep"),
    "outings": _l("Outings"),
    "care": _l("Daily care"),
    "equipment": _l("Equipment, and where it is"),
    "carers": _l("Carers who come to the crèche"),
    "needs": _l("Other needs: feelings, contact, learning"),
    "responsible": _l("Responsible in the crèche, and who stands in"),
    "tell": _l("When to tell the parents"),
    "notes": _l("More from the paper"),
}
CONTACT_KINDS = {
    "emergency": _l("Call in an emergency, in this order"),
    "questions": _l("For questions about the plan"),
}
STATES = {
    "submitted": _l("Waiting for the check"),
    "refused": _l("Not the same as the paper"),
    "in-force": _l("In force"),
    "replaced": _l("Replaced"),
    "stopped": _l("Stopped"),
}
STOPPERS = {"doctor": _l("The doctor"), "parents": _l("The parents")}
RIGHTS = {"all": _l("All rights"), "see": _l("See only")}
STAFF_ROLES = {"staff": _l("Staff"), "manager": _l("Manager")}
DEVICE_STATES = {
    "waiting": _l("Waiting for approval"),
    "active": _l("In use"),
    "revoked": _l("Removed"),
    "lost": _l("Reported lost"),
    "ended": _l("Ended"),
    "replaced": _l("Replaced"),
}
DEVICE_KINDS = {
    "tablet": _l("Tablet of the crèche"),
    "phone": _l("Phone of a colleague"),
    "pass": _l("Pass for a few hours"),
}
PEG_SIGNS = {
    "star": _l("Star"),
    "moon": _l("Moon"),
    "boat": _l("Boat"),
    "fish": _l("Fish"),
    "leaf": _l("Leaf"),
    "apple": _l("Apple"),
    "balloon": _l("Balloon"),
    "kite": _l("Kite"),
    "umbrella": _l("Umbrella"),
    "tree": _l("Tree"),
    "cloud": _l("Cloud"),
    "flower": _l("Flower"),
    "mushroom": _l("Mushroom"),
    "duck": _l("Duck"),
    "house": _l("House"),
    "sun": _l("Sun"),
    "cat": _l("Cat"),
    "snail": _l("Snail"),
}
WEEKDAYS = {
    "0": _l("Monday"),
    "1": _l("Tuesday"),
    "2": _l("Wednesday"),
    "3": _l("Thursday"),
    "4": _l("Friday"),
}
# Topics of Info-Santé sessions; those of trainings are four conditions.
TOPICS = {
    "breastfeeding": _l("Breastfeeding"),
    "pregnancy-diet": _l("Eating during pregnancy"),
    "crying-sleep": _l("Crying and sleep"),
    "home-accidents": _l("A safe home"),
    "senses": _l("Development of the senses"),
    "other": _l("Other topics"),
}
TRAINING_TOPICS = {
    topic: CONDITIONS[topic] for topic in ("allergy", "asthma", "epilepsy", "febrile-seizures")
}
ADULTS = {"1": _l("One adult"), "2": _l("Two adults")}
REQUEST_KINDS = {
    "tele-consultation": _l("Tele-consultation"),
    "cnje": _l("Consultation for infants and young children (CNJE)"),
    "home-visit": _l("Home visit"),
    "ward-visit": _l("Visit on the maternity ward"),
}
REQUEST_SHORT = {
    "tele-consultation": _l("Phone call"),
    "cnje": _l("Consultation"),
    "home-visit": _l("Home visit"),
    "ward-visit": _l("Maternity ward"),
}
WARD_OFFERS = {
    **{kind: REQUEST_SHORT[kind] for kind in ("home-visit", "cnje", "tele-consultation")},
    "info-sante": _l("Info-Santé session"),
    "pai": _l("The PAI"),
}
REQUEST_LINES = {
    "tele-consultation": _l(
        "A nurse or social hygiene assistant calls you and takes time for you."
    ),
    "cnje": _l("A paediatric nurse or social hygiene assistant sees your child, by appointment."),
    "home-visit": _l(
        "A specialised nurse comes to you, listens and advises. Relatives may ask too."
    ),
    "ward-visit": _l("We meet you after the birth and show you what the service offers."),
}
REQUEST_ICONS = {
    "tele-consultation": "i-phone",
    "cnje": "i-cal",
    "home-visit": "i-home",
    "ward-visit": "i-bed",
}
REQUEST_STATES = {
    "asked": _l("Waiting for an answer"),
    "proposed": _l("Times proposed: choose one"),
    "confirmed": _l("Confirmed"),
    "done": _l("Took place"),
    "no-show": _l("Nobody was there"),
    "declined": _l("Answered, without an appointment"),
    "cancelled": _l("Taken back"),
    "expired": _l("Ended without an answer"),
}
REQUEST_TONES = {
    "asked": "t-blue",
    "proposed": "t-amber",
    "confirmed": "t-green",
    "done": "t-grey",
    "no-show": "t-grey",
    "declined": "t-amber",
    "cancelled": "t-grey",
    "expired": "t-grey",
}
REQUEST_STATE_ICONS = {
    "asked": "i-clock",
    "proposed": "i-cal",
    "confirmed": "i-ok",
    "done": "i-ok",
    "no-show": "i-off",
    "declined": "i-warn",
    "cancelled": "i-off",
    "expired": "i-off",
}
REQUEST_EVENTS = {
    "asked": _l("Asked"),
    "claimed": _l("A nurse looks after it"),
    "proposed": _l("Times proposed"),
    "accepted": _l("A time was chosen"),
    "confirmed": _l("Confirmed"),
    "moved": _l("Another time"),
    "reopened": _l("Another time was asked for"),
    "released": _l("The nurse cannot come: the service looks for another time"),
    "lapsed": _l("The proposed times have run out"),
    "done": _l("Took place"),
    "no-show": _l("Nobody was there"),
    "declined": _l("Answered"),
    "cancelled": _l("Taken back"),
    "expired": _l("Ended after 30 days without an answer"),
}
# What a nurse may add with one tap: read in the family's language.
NOTE_SENTENCES = {
    "booklet": _l("Please have your child’s health booklet (carnet de santé) at hand."),
    "questions": _l("Write your questions down beforehand: there is time for all of them."),
    "relatives": _l("Whoever helps you at home may take part."),
    "quiet": _l("Choose a quiet place for the call."),
    "blanket": _l("Bring a nappy and a blanket for your child."),
    "bell": _l("Please tell us if there is no name on the bell."),
    "late": _l("If you cannot come or are late, please call us."),
    "interpreter": _l("Tell us if you would like somebody to interpret."),
}
# What happens at the confirmed hour.
REQUEST_MEETINGS = {
    "tele-consultation": _l("%(nurse)s calls you: %(phone)s."),
    "cnje": _l("%(nurse)s expects you."),
    "home-visit": _l("%(nurse)s comes to you."),
    "ward-visit": _l("%(nurse)s comes to see you on the ward."),
}
FOUND = {"yes": _l("Yes"), "partly": _l("In part"), "no": _l("No")}
RATINGS = {
    "1": _l("very poor"),
    "2": _l("poor"),
    "3": _l("fair"),
    "4": _l("good"),
    "5": _l("very good"),
}
# The page for "no connection": all languages at once, because it knows no reader.
OFFLINE = {
    "title": _l("This page cannot be shown now"),
    "what": _l("Without a connection only the plans kept on this device open."),
    "board": _l("On a crèche's tablet: open the list of children"),
    "paper": _l("The paper plan lies beside the medicine."),
    "call": _l("Emergency: 112"),
    "again": _l("Try again"),
}


def everywhere(texts: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The same texts in each language, for what serves all readers at once."""
    told = {}
    for language, locale in LOCALES.items():
        with force_locale(locale):
            told[language] = {name: str(text) for name, text in texts.items()}
    return told


def each_language() -> Iterator[str]:
    """Each language in turn; it is the language of what is rendered until the next one."""
    for language in LANGUAGE_NAMES:
        with force_locale(LOCALES[language]):
            yield language


# What somebody did, as it follows the name in "who opened the plan".
ACTS = {
    "plan.read": _l("opened the plan"),
    "plan.print": _l("opened the plan to print it"),
    "plan.export": _l("exported the plan"),
    "plan.submit": _l("sent the plan to be checked"),
    "plan.check": _l("compared the plan with the paper and put it in force"),
    "plan.refuse": _l("compared the plan with the paper and found a difference"),
    "child.share": _l("shared the plan with a crèche"),
    "grant.accept": _l("took the plan for the crèche"),
    "grant.room": _l("chose the child’s room"),
    "grant.refuse": _l("did not take the plan for the crèche"),
    "grant.end": _l("stopped sharing the plan"),
    "grant.left": _l("confirmed that the child has left the crèche"),
    "plan.stop": _l("stopped the plan"),
    "kit.hand-back": _l("noted medicine as handed back"),
    "kit.edit": _l("changed what is in the kit"),
    "signatures.edit": _l("changed who has signed"),
    "contact.edit": _l("changed the people to call"),
    "child.edit": _l("changed the child’s facts"),
    "child.photo": _l("changed the photo"),
    "kit.replace": _l("put a new box in the place of an old one"),
    "kit.photo": _l("changed the photo of a place of the kit"),
    "note.edit": _l("left a note for the crèche"),
    "plan.ask-doctor": _l("made a link for the doctor"),
    "copy.plan": _l("showed its copy of the plan"),
    "copy.emergency": _l("showed its copy of the emergency page"),
    "plan.read-by-link": _l("opened the plan through the doctor’s link"),
    "plan.confirm-by-link": _l("confirmed the plan through the doctor’s link"),
    "grant.last-day": _l("changed the last day of sharing"),
    "child.hand-over": _l("took the hand-over pack"),
    "incident.read": _l("read the report of an emergency"),
    "incident.correct": _l("added a line to the report of an emergency"),
    "kit.used": _l("took a used box off the list"),
    "copy.unconfirmed": _l("holds a copy that the service did not confirm"),
}
