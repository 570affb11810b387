/*
 * A queue of requests for costly work, of which a worker does one at a time. Each key has a line of its own, and the
 * lines are served in turn, so a key with many requests delays only its own. The entries belong to the caller and are
 * linked here.
 */
#ifndef MAYFLY_APP_ADMISSION_H
#define MAYFLY_APP_ADMISSION_H

#include "base/address.h"
#include "base/attr.h"

#include <stddef.h>

/* The caller sets key and exempt; the other members belong to admission. */
struct admission_entry {
    struct address_key key;
    bool exempt;                   /* never refused, and does not count against a limit */
    struct admission_entry *next;  /* the entry behind it in its line */
    struct admission_entry *after; /* in the first entry of a line: the first entry of the next line */
    struct admission_entry *last;  /* in the first entry of a line */
    size_t length;                 /* in the first entry of a line: how many entries of the line count */
};

struct admission {
    size_t most, most_per_key;
    struct admission_entry *first, *last; /* first entries of lines; `first` is served next */
    size_t counted;                       /* all entries but the exempt ones */
    size_t count;
};

void admission_init(struct admission *, size_t most, size_t most_per_key);

/*
 * Puts the entry at the end of its key's line. Returns the refused entry, which is no longer linked, or NULL: the entry
 * itself when its key has most_per_key entries; when there are `most` entries in all, the last of the longest line if
 * that line stays at least as long as the entry's own, otherwise the entry itself.
 */
struct admission_entry *admission_put(struct admission *, struct admission_entry *) MUST_CHECK;

/* Takes the first entry of the next line. NULL: no request waits. */
struct admission_entry *admission_take(struct admission *);

/* Removes an entry that no longer waits. */
void admission_leave(struct admission *, struct admission_entry *);

#endif
