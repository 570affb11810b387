/* mayflyctl prove, what its clients do next: by chance under load, and in the other phases what is still missing. */
#ifndef MAYFLY_BIN_PROVE_CHOICE_H
#define MAYFLY_BIN_PROVE_CHOICE_H

#include "bin/prove_action.h"

enum {
    /* Of one account, when everything is checked: each lost session and file is one, and then nothing more is hoped for. */
    LATE_TROUBLES = 24,
};

/* Sets the client's action, user and at; false when there is nothing to do, or not yet. */
bool choice_make(struct prove *, struct prove_client *, int64_t now_us) MUST_CHECK;

/* Nothing is under way and there is nothing left to do in this phase. */
bool choice_none_left(const struct prove *, const struct prove_client *);

#endif
