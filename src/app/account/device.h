/* What a person calls the device behind a User-Agent: "Firefox on Linux". A guess that is only ever shown. */
#ifndef MAYFLY_APP_ACCOUNT_DEVICE_H
#define MAYFLY_APP_ACCOUNT_DEVICE_H

#include "base/arena.h"

/* NULL when the text says neither, or when memory is out: then show the text itself. */
const char *device_name(struct arena *, const char *user_agent);

#endif
