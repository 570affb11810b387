#include "app/services.h"

#include "app/paths.h"
#include "base/bytes.h"
#include "base/crash.h"
#include "base/networks.h"
#include "base/utf8.h"
#include "media/media_sniff.h"
#include "object/s3.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WORKER_NAME_BYTES = 64,
    PREFIX_MAX = 32,
    BRAND_CHARACTERS_MAX = 60, /* two lines at the top of a page on a telephone */
};

#define PREFIX_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

const char *default_config_path(void)
{
    const char *path = getenv("MAYFLY_CONFIG");

    return path != NULL && path[0] != '\0' ? path : DEFAULT_CONFIG;
}

/* Opens S3 also when new files go elsewhere, since older files may be there. */
static bool open_files(struct services *services, struct err *err)
{
    struct file_store *files = &services->files;

    *files = (struct file_store){
        .db = services->sessions.db,
        .config = &services->config,
        .clock = services->clock,
        .point = services->point,
        .objects = {.db = services->sessions.db,
                    .config = &services->config,
                    .clock = services->clock,
                    .log = &services->log},
    };
    if (strcmp(services->config.objects, "s3") == 0 && services->config.s3_bucket[0] == '\0')
        return err_set(err, ERR_INPUT, "objects: s3 wants a bucket; set s3_bucket too");
    return services->config.s3_bucket[0] == '\0' ||
           s3_new(&files->objects.s3, &services->config, services->clock, &services->log, services->coroutines, err);
}

/*
 * A unit's LoadCredential= gives the secret in a file that only the unit can read. For a missing source that file is a
 * lone #; then secret_file is tried, whose error says what is missing.
 */
static bool load_secret(struct services *services, struct err *err)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[CONFIG_TEXT_BYTES];
    struct stat credential;
    struct err reason = {.kind = ERR_NONE};

    if (folder != NULL && (size_t)snprintf(path, sizeof path, "%s/secret", folder) < sizeof path &&
        stat(path, &credential) == 0 && credential.st_size > (off_t)strlen("#"))
        return secret_load(&services->secret, path, &reason) ||
               err_set(err, reason.kind, "%s (a copy of %s, if the unit's LoadCredential= is as it was installed)",
                       reason.detail, services->config.secret_file);
    return secret_load(&services->secret, services->config.secret_file, err);
}

static bool open_measuring(struct services *services, struct err *err)
{
    const struct config *config = &services->config;
    struct err reason = {.kind = ERR_NONE};

    if (!networks_check(config->metrics_allow, &reason))
        return err_set(err, ERR_INPUT, "metrics_allow: %s", reason.detail);
    if (strspn(config->statsd_prefix, PREFIX_CHARACTERS) != strlen(config->statsd_prefix) ||
        config->statsd_prefix[0] == '\0' || strlen(config->statsd_prefix) > PREFIX_MAX)
        return err_set(err, ERR_INPUT, "statsd_prefix: say 1 to %d letters, digits, dots, - and _", PREFIX_MAX);
    return statsd_open(&services->statsd, config->statsd, err);
}

/* The name that pages have at their top. */
static bool check_brand(const struct config *config, struct err *err)
{
    const char *name = config->brand_name;
    size_t length = strlen(name);

    return (length > 0 && utf8_check(name, length) == length && !utf8_has_control(name, length) &&
            utf8_count(name, length) <= BRAND_CHARACTERS_MAX) ||
           err_set(err, ERR_INPUT, "brand_name: say a name of 1 to %d characters", BRAND_CHARACTERS_MAX);
}

/* Opens everything that depends on the settings. */
static bool open_all(struct services *services, struct err *err)
{
    struct session_store *store = &services->sessions;

    if (!open_measuring(services, err) || !check_brand(&services->config, err) || !db_check(&services->config, err))
        return false;
    services->log = (struct log){
        .clock = services->clock, .level = config_log_level(&services->config), .worker = services->worker};
    services->point = crash_point();
    *store = (struct session_store){.config = &services->config, .clock = services->clock};
    store->db = db_new(&services->config, services->clock, &services->log);
    if (store->db == NULL)
        return err_memory(err);
    db_on_point(store->db, services->point);
    db_wait_in(store->db, services->coroutines);
    TAILQ_INIT(&services->sniffing.line);
    media_sniffer_init(&services->sniffer, &services->config);
    thumbnailer_init(&services->thumbnailer, &services->config);
    return cache_new(&store->cache, &services->config, services->clock, &services->log, err) &&
           open_files(services, err);
}

void services_forked(struct services *services)
{
    char *name = (char *)(uintptr_t)services->worker, *slash = strrchr(name, '/');

    snprintf(slash + 1, WORKER_NAME_BYTES - (size_t)(slash + 1 - name), "%d", (int)getpid());
}

bool services_prepare(struct services *services, const char *config_path, const char *pool, struct err *err)
{
    char *worker = malloc(WORKER_NAME_BYTES);
    struct err reason = {.kind = ERR_NONE};

    if (worker == NULL || !random_start())
        return err_set(err, ERR_DOWN, "libsodium can't start");
    snprintf(worker, WORKER_NAME_BYTES, "%s/%d", pool, (int)getpid());
    services->worker = worker;
    services->clock = &clock_system;
    return config_load(&services->config, config_path, err) &&
           (open_all(services, &reason) || config_refuse(&services->config, config_path, &reason, err));
}

/*
 * The names of connections, from which mayflyctl secret reads which worker has which keys. The names of the keys come
 * first, since the name of a pool may be cut off.
 */
static void name_connections(struct services *services)
{
    char text[DB_NAME_BYTES] = "mayfly ";
    size_t length = strlen(text);

    for (size_t i = 0; i < services->secret.count; i++) {
        char name[SECRET_NAME_BYTES];

        secret_name(&services->secret, i, name);
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", i > 0 ? "," : "", name);
    }
    snprintf(text + length, sizeof text - length, " %s", services->worker);
    db_call(services->sessions.db, text);
}

bool services_open(struct services *services, const char *config_path, const char *pool, struct err *err)
{
    if (!services_prepare(services, config_path, pool, err) || !load_secret(services, err))
        return false;
    cache_use_secret(services->sessions.cache, &services->secret);
    name_connections(services);
    return true;
}

bool services_check(const struct services *services, const char *config_path, bool is_worker, struct err *err)
{
    const struct config *config = &services->config;
    bool key = is_worker || strchr(config->s3_credentials, '/') != NULL;
    struct err reason = {.kind = ERR_NONE};

    return config->s3_bucket[0] == '\0' || s3_check(config, key, &reason) ||
           config_refuse(config, config_path, &reason, err);
}

void services_tend(struct services *services)
{
    zygote_tend(&services->sniffer);
    zygote_tend(&services->thumbnailer.zygote);
}

void services_be_alone(struct services *services)
{
    zygote_end(&services->sniffer);
    zygote_end(&services->thumbnailer.zygote);
}

void services_close(struct services *services)
{
    services_be_alone(services);
    s3_free(services->files.objects.s3);
    block_pool_free(&services->blocks);
    coroutines_free(services->coroutines);
    db_free(services->sessions.db);
    cache_free(services->sessions.cache);
    bytes_wipe(&services->secret, sizeof services->secret);
    statsd_close(&services->statsd);
    free((void *)(uintptr_t)services->worker);
}
