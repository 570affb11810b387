#include "object/s3_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool set_endpoints(struct s3 *s3, struct err *err)
{
    const struct config *config = s3->config;
    char amazon[CONFIG_TEXT_BYTES + 64];

    if (config->s3_bucket[0] == '\0' || strchr(config->s3_bucket, '/') != NULL)
        return err_set(err, ERR_INPUT, "s3_bucket: say the bucket's name");
    if (config->s3_region[0] == '\0' || strchr(config->s3_region, '/') != NULL)
        return err_set(err, ERR_INPUT, "s3_region: say a region, such as us-east-1");
    snprintf(amazon, sizeof amazon, "https://s3.%s.amazonaws.com", config->s3_region);
    if (!s3_endpoint_parse("s3_endpoint", config->s3_endpoint[0] != '\0' ? config->s3_endpoint : amazon, &s3->inside,
                           err))
        return false;
    s3->outside = s3->inside;
    return config->s3_public_endpoint[0] == '\0' ||
           s3_endpoint_parse("s3_public_endpoint", config->s3_public_endpoint, &s3->outside, err);
}

bool s3_new(struct s3 **s3p, const struct config *config, const struct clock *clock, const struct log *log,
            struct coroutines *coroutines, struct err *err)
{
    struct s3 *s3 = calloc(1, sizeof *s3);

    *s3p = NULL;
    if (s3 == NULL)
        return err_memory(err);
    s3->config = config;
    s3->clock = clock;
    s3->log = log;
    s3->coroutines = coroutines;
    semaphore_init(&s3->exchanges, EXCHANGES_MAX);
    if (!set_endpoints(s3, err)) {
        free(s3);
        return false;
    }
    *s3p = s3;
    return true;
}

bool s3_check(const struct config *config, bool with_key, struct err *err)
{
    struct access_key *key = NULL;
    struct err reason = {.kind = ERR_NONE};

    if (config->s3_ca_file[0] != '\0' && access(config->s3_ca_file, R_OK) != 0)
        return err_set(err, ERR_INPUT, "s3_ca_file: %s: %s; the workers' user must be able to read it",
                       config->s3_ca_file, strerror(errno));
    if (!s3_http_check(&reason))
        return err_set(err, ERR_INPUT, "s3_bucket: %s", reason.detail);
    if (with_key && !access_key_load(&key, config->s3_credentials, &reason))
        return err_set(err, reason.kind, "s3_credentials: %s", reason.detail);
    access_key_free(key);
    return true;
}

void s3_free(struct s3 *s3)
{
    if (s3 == NULL)
        return;
    s3_http_free(s3->http);
    access_key_free(s3->key);
    free(s3);
}
