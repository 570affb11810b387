/*
 * Sites behind the gate: their origins, and the rules that say who may pass. Only checked rules are written. A change
 * runs inside of a transaction in which site_begin was called; run again after a lost COMMIT, it does the same.
 */
#ifndef MAYFLY_STORE_SITE_H
#define MAYFLY_STORE_SITE_H

#include "db/db.h"
#include "gate/origin.h"
#include "gate/rules_form.h"

enum {
    /*
     * Origins of one site. An app seldom has more names, and each is looked up. The schema's CHECK has the same number.
     */
    SITE_ORIGINS_MAX = 8,
    SITE_NAME_MAX = 40,
    /* Bounds the length of a place, so that lists can be sorted by place and name. */
    SITE_PLACE_MAX = 1000000,
};

/* Lower-case letters, digits and hyphens, as in names of hosts; ERR_VALUE. */
bool site_name_check(const char *name, struct err *) MUST_CHECK;

/* Rules as text, and the form that is stored. */
struct site_rules {
    const char *text; /* borrowed; NULL: none */
    struct rules_form form;
};

/*
 * Reads rules, which end with a NUL beyond length, and finds the account of each user they name. ERR_VALUE: *place is
 * where they are wrong, or where they name an account that does not exist.
 */
bool site_rules_read(struct db *, struct arena *, const char *text, size_t length, struct site_rules *,
                     struct rules_place *, struct err *) MUST_CHECK;

/* The new values of a site. In a change, NULL and 0 leave a value unchanged. */
struct site_draft {
    const char *title;
    const int64_t *place; /* 0 to SITE_PLACE_MAX */
    struct site_rules rules;
    const struct origin *origins;
    size_t origin_count;
    const char *by; /* who makes the change, for administrators who read it later */
};

/* Called first in the transaction. */
bool site_begin(struct db *, struct arena *, struct err *) MUST_CHECK;

/* ERR_CONFLICT: the name or an origin is another site's. ERR_LIMIT: there are as many as `most`. */
bool site_add(struct db *, struct arena *, const struct uuid *id, const char *name, const struct site_draft *,
              int64_t most, struct err *) MUST_CHECK;

/* DB_NONE: it is gone. ERR_CONFLICT as above. */
enum db_rc site_edit(struct db *, struct arena *, const struct uuid *id, const struct site_draft *,
                     struct err *) MUST_CHECK;
enum db_rc site_remove(struct db *, struct arena *, const struct uuid *id, struct err *) MUST_CHECK;

struct site {
    struct uuid id;
    const char *name, *title, *rules, *created, *created_by, *updated, *updated_by;
    const char *origins; /* with spaces between them */
    int64_t place;
    struct rules judged; /* they let nobody pass when fault is set */
    const char *fault;   /* why its rules are not in force, or NULL */
};

enum db_rc site_find(struct db *, struct arena *, const char *name, struct site *, struct err *) MUST_CHECK;

/*
 * The site of this target at the origin, whose own prefix is ignored. DB_NONE: there is none, or more than one fits
 * (origin_choose).
 */
enum db_rc site_at(struct db *, struct arena *, const struct origin *, const char *target, struct site *,
                   struct err *) MUST_CHECK;

/* At most `most` of the sites that come after this one (NULL: from the first on), by place and name, in the arena. */
bool site_list(struct db *, struct arena *, const struct site *after, int most, struct site **sites, int *count,
               struct err *) MUST_CHECK;

#endif
