#ifndef MAYFLY_APP_PATHS_H
#define MAYFLY_APP_PATHS_H

#define DEFAULT_CONFIG "/etc/mayfly/mayfly.conf"

/* $MAYFLY_CONFIG, or DEFAULT_CONFIG. */
const char *default_config_path(void);

#endif
