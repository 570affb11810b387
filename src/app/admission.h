/*
 * Who waits for a worker that does one costly thing at a time. Each key has a line of its own, and the lines are served in
 * turn, so that somebody who sends much waits for himself. Nothing but data: the entries are the caller's and linked here.
 */
#ifndef MAYFLY_APP_ADMISSION_H
#define MAYFLY_APP_ADMISSION_H

#include "base/address.h"
#include "base/attr.h"

#include <stddef.h>

/* All but key and exempt is admission's own. */
struct admission_entry {
    struct address_key key;
    bool exempt;                   /* waits as others do, but no bound refuses it, and it counts for none */
    struct admission_entry *next;  /* behind it in its line */
    struct admission_entry *after; /* in the first of a line: the first of the next line */
    struct admission_entry *last;  /* in the first of a line */
    size_t length;                 /* in the first of a line: how many of it count */
};

struct admission {
    size_t most, most_per_key;
    struct admission_entry *first, *last; /* lines, by their first entries; first is served next */
    size_t counted;                       /* all entries but the exempt ones */
    size_t count;
};

void admission_init(struct admission *, size_t most, size_t most_per_key);

/*
 * Puts the entry at the end of its key's line. Returns who is refused: NULL for nobody; the entry itself when its key has
 * most_per_key entries already, or there are `most`; in the latter case the last of the longest line instead, when that line
 * stays at least as long as the entry's own. What is returned is linked no more.
 */
struct admission_entry *admission_put(struct admission *, struct admission_entry *) MUST_CHECK;

/* Takes the first of the line whose turn it is; NULL when nobody waits. */
struct admission_entry *admission_take(struct admission *);

/* Takes out one that no longer wants to wait. */
void admission_leave(struct admission *, struct admission_entry *);

#endif
