/* Reads a new password. Never from an argument, which every user of the host can read. */
#ifndef MAYFLY_CTL_PASSWORD_H
#define MAYFLY_CTL_PASSWORD_H

#include "base/password.h"

struct ctl_password {
    char text[PASSWORD_MAX_BYTES + 1]; /* NUL-terminated; the caller wipes it */
    size_t length;
};

/* Asks twice at a terminal, without showing it; otherwise reads one line of standard input and nothing beyond. */
bool ctl_password_ask(struct ctl_password *, struct err *) MUST_CHECK;

/* Makes a random password. */
void ctl_password_generate(struct ctl_password *);

#endif
