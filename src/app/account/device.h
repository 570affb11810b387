/* A short name of the device behind a User-Agent: "Firefox on Linux". It is a guess and is only shown. */
#ifndef MAYFLY_APP_ACCOUNT_DEVICE_H
#define MAYFLY_APP_ACCOUNT_DEVICE_H

#include "base/arena.h"

/* NULL: the text names neither a browser nor a system, or memory is out; show the text itself. */
const char *device_name(struct arena *, const char *user_agent);

#endif
