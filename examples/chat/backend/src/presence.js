/**
 * Entries of a room's presence: `<user>/<process>`. A user may be on several processes, and each
 * keeps its own entry alive, so that the death of one process takes only its own users away.
 */
export const presenceEntry = (user, processId) => `${user}/${processId}`;

/** The users behind entries, each once, sorted. */
export const usersOf = (entries) => [...new Set(entries.map((entry) => entry.split('/')[0]))].sort();
