"""The events that may stand in our feeds, each with its reason. Whoever adds one says why it cannot be helped."""

ALLOWED = {
    ("UnknownNamespace", "http://webfeeds.org/rss/1.0"):
        "Feedly's own words for icon, logo and colour; no other vocabulary says them, and readers that do not know them pass over them.",
    ("UnknownNamespace", "http://purl.org/atompub/tombstones/1.0"):
        "RFC 6721 is the one way in which Atom says that an entry was withdrawn; the validator is older than the RFC.",
    ("DuplicateUpdated", None):
        "Imported entries keep the dates of their origin, and some origins date a day's entries alike. Inventing other seconds would be a lie; "
        "ids tell the entries apart.",
}


def is_allowed(event, where):
    return (event, where) in ALLOWED or (event, None) in ALLOWED
