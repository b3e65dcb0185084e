"""Seeds that once failed, and why. A seed is its story only as long as nothing else draws a number: what is
told here in words has a test of its own beside the code that was wrong."""

from __future__ import annotations

SEEDS: dict[int, str] = {
    3: "a rollback ended at once and unwatched; after it, the failed task spoke for its slot",
    7: "an update that had nothing to do was watched to its end",
    20: "slots that were given up were updated and scaled away in turn, without end",
    24: "the history forgot how often a restart had been tried",
    40: "two superseded tasks served on in one slot while the rollback was paused",
    45: "a clock that was set back twice: deadlines passed at once",
    49: "a container that was restarted from outside was stopped while the table led to it",
    58: "a restart before its slot's turn was no part of the update",
    60: "a half-made task of a spec that was rolled back from was left to itself",
    70: "a task was stopped while the table that led to it was just being applied",
    75: "start-first left three tasks in a slot",
    76: "a rollback to a spec with the same tasks counted the update's failures again",
    78: "the history forgot how far an update was, so that its delay was ignored",
    91: "a spec that failed was tried again and again whatever the restart policy",
    109: "a monitor was measured from a commit's being looked at, which a restart of the daemon delays",
    126: "a rollback was completed while its only task was a failed one",
    144: "a task that waited for resources was looked at only by the resync",
    199: "the daemon is killed in the midst of its start",
    266: "a task that was late paused an update, and one that had failed before was named as the reason",
    283: "a container that was restarted from outside ran on for ever",
    734: "a new daemon stopped a container that the table of the one before it still led to",
    853: "a half-made task of a superseded spec waited for ever in a slot whose update was paused",
    401167615: "a task that got its place, and so was up to date, was in the update out of its turn",
    401167693: "another service took a port to which an update that failed returned",
    401167714: "of two ended tasks in a slot both were followed, by one pass and the next",
    401167067: "what a task waited for was told before another one had taken its port",
    401168857: "after a rollback to stop-first a task was tried again beside the one that served",
    513327365: "an update was completed at once when its only task had to leave the node",
    391264931: "an update whose one new task had not begun when it had to leave was not watched",
    391265294: "on a drained node a successor did not wait for the task that was leaving",
    391263049: "a replacement became a part of the update only in the pass after it was made",
    81723699: "the history forgot how often the new spec was tried, as a task of the old one had ended last",
}
