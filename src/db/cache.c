#include "db/cache.h"
#include "base/decimal.h"

#include "base/bytes.h"

#include <libmemcached/memcached.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* As many as struct cache_losses has bits. */
    NODES_MAX = 64,
    /* A time in January 1970 for memcached: an item with it has expired when it is written. */
    TTL_OVER = 30 * 24 * 3600 + 1,
    /* Times the duration of an attempt: a node that hangs takes at most a fifth of the worker's time. */
    HANG_PAUSES = 4,
    /* Clocks that are kept by NTP differ by less. */
    CLOCK_SKEW_MS = 1000,
};

struct cache {
    /*
     * Two connections to each node, NULL when no cache is configured. Readers use the first, where a SET waits in the
     * buffer for the GETS that follows. libmemcached can't buffer some SETs only, and the SETs of a change must be
     * answered, so these use the second.
     */
    memcached_st *nodes;
    memcached_st *writers;
    const struct clock *clock;
    const struct log *log;
    int64_t retry_us;
    int64_t timeout_ms;
    int64_t skipped_until_us[NODES_MAX]; /* libmemcached itself keeps waiting for a node that hangs */
    int64_t hangs_until_us[NODES_MAX];   /* the same for cache_set */
    uint64_t generation;                 /* raised by every call that failed: see struct cache_stamp */
    struct cache_keys keys;
};

static uint32_t node_of(const struct cache *cache, const char *key)
{
    return memcached_generate_hash(cache->nodes, key, strlen(key));
}

static bool skipped(const struct cache *cache, const char *key)
{
    return cache->clock->monotonic_us() < cache->skipped_until_us[node_of(cache, key)];
}

/* After a failure, for each of the keys that were asked for: their node, when it was the one that failed. */
static void skip(struct cache *cache, const char *const *keys, size_t count)
{
    int64_t until_us = cache->clock->monotonic_us() + cache->retry_us;

    for (size_t i = 0; i < count; i++) {
        uint32_t node = node_of(cache, keys[i]);

        if (memcached_server_error_return(memcached_server_instance_by_position(cache->nodes, node)) !=
            MEMCACHED_SUCCESS)
            cache->skipped_until_us[node] = until_us;
    }
}

/* Notes a failure; true when there was none. */
static bool worked(struct cache *cache, memcached_return_t rc)
{
    if (rc == MEMCACHED_SUCCESS || rc == MEMCACHED_END || rc == MEMCACHED_NOTFOUND || rc == MEMCACHED_BUFFERED)
        return true;
    cache->generation++;
    return false;
}

static bool add_node(memcached_st *nodes, char *node, struct err *err)
{
    memcached_return_t rc;

    if (strncmp(node, "unix:", 5) == 0) {
        rc = memcached_server_add_unix_socket(nodes, node + 5);
    } else {
        char *colon = strrchr(node, ':');
        int64_t port = 11211;

        if (colon != NULL) {
            if (!decimal_parse(colon + 1, 1, UINT16_MAX, &port))
                return err_set(err, ERR_INPUT, "cache: '%s': say host:port, with a port up to 65535, or unix:/path",
                               node);
            *colon = '\0';
        }
        rc = memcached_server_add(nodes, node, (in_port_t)port);
    }
    if (rc == MEMCACHED_SUCCESS && memcached_server_count(nodes) > NODES_MAX)
        return err_set(err, ERR_INPUT, "cache: name %d nodes at most", NODES_MAX);
    if (rc != MEMCACHED_SUCCESS)
        return err_set(err, ERR_INPUT, "cache: '%s': %s; say host:port or unix:/path", node,
                       memcached_strerror(nodes, rc));
    return true;
}

static bool add_nodes(memcached_st *nodes, const char *list, struct err *err)
{
    char copy[CONFIG_TEXT_BYTES];
    char *rest = copy, *node;

    strcpy(copy, list);
    while ((node = strsep(&rest, ", ")) != NULL)
        if (node[0] != '\0' && !add_node(nodes, node, err))
            return false;
    return true;
}

static void set_behaviour(memcached_st *nodes, const struct config *config, bool buffers)
{
    const struct {
        memcached_behavior_t behaviour;
        uint64_t value;
    } rows[] = {
        /* Consistent hashing: one node more or less moves few keys. */
        {MEMCACHED_BEHAVIOR_KETAMA, 1},
        {MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1},
        {MEMCACHED_BEHAVIOR_TCP_NODELAY, 1},
        {MEMCACHED_BEHAVIOR_NO_BLOCK, 1},
        {MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, buffers},
        {MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, (uint64_t)config->cache_timeout_ms},
        {MEMCACHED_BEHAVIOR_POLL_TIMEOUT, (uint64_t)config->cache_timeout_ms},
        {MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, (uint64_t)config->cache_retry_s},
        {MEMCACHED_BEHAVIOR_DEAD_TIMEOUT, (uint64_t)config->cache_retry_s},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        memcached_behavior_set(nodes, rows[i].behaviour, rows[i].value);
}

static bool nodes_new(memcached_st **nodes, const struct config *config, bool buffers, struct err *err)
{
    *nodes = memcached_create(NULL);
    if (*nodes == NULL)
        return err_memory(err);
    set_behaviour(*nodes, config, buffers);
    return add_nodes(*nodes, config->cache, err);
}

bool cache_new(struct cache **cachep, const struct config *config, const struct clock *clock, const struct log *log,
               struct err *err)
{
    struct cache *cache = calloc(1, sizeof *cache);

    *cachep = NULL;
    if (cache == NULL)
        return err_memory(err);
    cache->clock = clock;
    cache->log = log;
    cache->retry_us = config->cache_retry_s * 1000000;
    cache->timeout_ms = config->cache_timeout_ms;
    if (config->cache[0] != '\0' &&
        (!nodes_new(&cache->nodes, config, true, err) || !nodes_new(&cache->writers, config, false, err))) {
        cache_free(cache);
        return false;
    }
    *cachep = cache;
    return true;
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    memcached_free(cache->nodes);
    memcached_free(cache->writers);
    bytes_wipe(&cache->keys, sizeof cache->keys);
    free(cache);
}

bool cache_enabled(const struct cache *cache)
{
    return cache->nodes != NULL;
}

void cache_use_secret(struct cache *cache, const struct secret *secret)
{
    cache_keys_derive(&cache->keys, secret);
}

/* An item of another release is no more than a miss. */
static void check_seal(const struct cache *cache, const struct cache_key *key, struct cache_item *item)
{
    item->trust = cache_unseal(&cache->keys, key->text, item->bytes, item->length);
    if (item->trust == CACHE_FORGED)
        LOG_EVENT(cache->log, LOG_WARN, "cache_item_forged", LOG_TEXT("key", key->text),
                  LOG_NUMBER("bytes", (int64_t)item->length));
    if (item->trust != CACHE_TRUSTED)
        item->bytes = NULL;
}

static void keep_result(const struct cache *cache, struct arena *arena, const memcached_result_st *result,
                        const struct cache_key *keys, struct cache_item *items, size_t count)
{
    const char *key = memcached_result_key_value(result);
    size_t key_length = memcached_result_key_length(result);
    size_t length = memcached_result_length(result);
    unsigned char *copy;

    for (size_t i = 0; i < count; i++) {
        if (strlen(keys[i].text) != key_length || memcmp(keys[i].text, key, key_length) != 0)
            continue;
        copy = arena_alloc(arena, length);
        if (copy == NULL)
            return;
        memcpy(copy, memcached_result_value(result), length);
        items[i] = (struct cache_item){
            .bytes = copy, .length = length, .stamp = {memcached_result_cas(result), cache->generation}};
        check_seal(cache, &keys[i], &items[i]);
    }
}

void cache_get(struct cache *cache, struct arena *arena, const struct cache_key *keys, struct cache_item *items,
               size_t count)
{
    enum { AT_ONCE = 64 };

    memset(items, 0, count * sizeof *items);
    for (size_t start = 0; cache->nodes != NULL && start < count; start += AT_ONCE) {
        size_t part = count - start < AT_ONCE ? count - start : AT_ONCE;
        const char *texts[AT_ONCE];
        size_t lengths[AT_ONCE];
        size_t asked = 0;
        memcached_result_st *result;
        memcached_result_st space;
        memcached_return_t rc;

        for (size_t i = start; i < start + part; i++) {
            if (skipped(cache, keys[i].text))
                continue;
            texts[asked] = keys[i].text;
            lengths[asked++] = strlen(keys[i].text);
        }
        if (asked == 0)
            continue;
        if (!worked(cache, memcached_mget(cache->nodes, texts, lengths, asked))) {
            skip(cache, texts, asked);
            continue;
        }
        memcached_result_create(cache->nodes, &space);
        while ((result = memcached_fetch_result(cache->nodes, &space, &rc)) != NULL)
            keep_result(cache, arena, result, keys + start, items + start, part);
        memcached_result_free(&space);
        /*
         * A connection that broke meanwhile may have given items from before and after a restart of the node, so all of
         * them count as misses.
         */
        if (!worked(cache, rc)) {
            skip(cache, texts, asked);
            memset(items + start, 0, part * sizeof *items);
        }
    }
}

void cache_set_and_get(struct cache *cache, struct arena *arena, const struct cache_key *keys, size_t count,
                       void *bytes, size_t length, int ttl_s, struct cache_item *items)
{
    memset(items, 0, count * sizeof *items);
    if (cache->nodes == NULL || cache->keys.count == 0)
        return;
    memcached_behavior_set(cache->nodes, MEMCACHED_BEHAVIOR_NOREPLY, 1);
    for (size_t i = 0; i < count; i++) {
        if (skipped(cache, keys[i].text))
            continue;
        cache_seal(&cache->keys, keys[i].text, bytes, length);
        worked(cache, memcached_set(cache->nodes, keys[i].text, strlen(keys[i].text), bytes, length, ttl_s, 0));
    }
    memcached_behavior_set(cache->nodes, MEMCACHED_BEHAVIOR_NOREPLY, 0);
    cache_get(cache, arena, keys, items, count);
}

static void compare_and_set(struct cache *cache, const struct cache_key *key, const void *bytes, size_t length,
                            int ttl_s, struct cache_stamp stamp)
{
    if (cache->nodes == NULL || stamp.cas == 0 || stamp.generation != cache->generation || skipped(cache, key->text))
        return;
    memcached_behavior_set(cache->nodes, MEMCACHED_BEHAVIOR_NOREPLY, 1);
    worked(cache, memcached_cas(cache->nodes, key->text, strlen(key->text), bytes, length, ttl_s, 0, stamp.cas));
    memcached_behavior_set(cache->nodes, MEMCACHED_BEHAVIOR_NOREPLY, 0);
}

void cache_compare_and_set(struct cache *cache, const struct cache_key *key, void *bytes, size_t length, int ttl_s,
                           struct cache_stamp stamp)
{
    if (cache->keys.count == 0)
        return;
    cache_seal(&cache->keys, key->text, bytes, length);
    compare_and_set(cache, key, bytes, length, ttl_s, stamp);
}

void cache_compare_and_remove(struct cache *cache, const struct cache_key *key, struct cache_stamp stamp)
{
    compare_and_set(cache, key, "", 0, TTL_OVER, stamp);
}

/*
 * libmemcached does not try a node for a while after a failure, whatever its settings, and memcached_quit does not
 * change that. Other workers may have reached the node again meanwhile, so writers begin with a new handle.
 */
static void renew_writers(struct cache *cache)
{
    memcached_st *writers = memcached_clone(NULL, cache->writers);

    if (writers == NULL)
        return;
    memcached_free(cache->writers);
    cache->writers = writers;
}

static memcached_return_t write_to(struct cache *cache, const struct cache_key *key, const void *bytes, size_t length,
                                   int ttl_s)
{
    memcached_return_t rc = memcached_set(cache->writers, key->text, strlen(key->text), bytes, length, ttl_s, 0);

    return worked(cache, rc) ? MEMCACHED_SUCCESS : rc;
}

int64_t cache_hang_pause_ms(const struct cache *cache)
{
    return HANG_PAUSES * cache->timeout_ms;
}

enum cache_written cache_set(struct cache *cache, const struct cache_key *key, void *bytes, size_t length, int ttl_s,
                             struct cache_losses *losses)
{
    memcached_return_t rc;
    uint32_t node;

    if (cache->nodes == NULL)
        return CACHE_WRITTEN;
    node = node_of(cache, key->text);
    if (cache->clock->monotonic_us() < cache->hangs_until_us[node])
        return CACHE_HANGS;
    if ((losses->nodes & UINT64_C(1) << node) != 0)
        return CACHE_UNREACHABLE;
    cache_seal(&cache->keys, key->text, bytes, length);
    rc = write_to(cache, key, bytes, length, ttl_s);
    if (rc == MEMCACHED_SUCCESS)
        return CACHE_WRITTEN;
    /*
     * The connection may be from before a restart of the node, or the node may be skipped: tries once more with a new
     * handle.
     */
    renew_writers(cache);
    if (rc != MEMCACHED_TIMEOUT && (rc = write_to(cache, key, bytes, length, ttl_s)) == MEMCACHED_SUCCESS)
        return CACHE_WRITTEN;
    LOG_EVENT(cache->log, LOG_WARN, "cache_set_failed", LOG_TEXT("detail", memcached_strerror(cache->writers, rc)));
    if (rc == MEMCACHED_TIMEOUT) {
        cache->hangs_until_us[node] = cache->clock->monotonic_us() + cache_hang_pause_ms(cache) * 1000;
        return CACHE_HANGS;
    }
    losses->nodes |= UINT64_C(1) << node;
    return CACHE_UNREACHABLE;
}

/* Not by memcached_version: libmemcached remembers the first answer and does not ask again. */
bool cache_ping(struct cache *cache, struct err *err)
{
    memcached_return_t rc;

    if (cache->nodes == NULL)
        return true;
    memcached_stat_free(cache->nodes, memcached_stat(cache->nodes, NULL, &rc));
    if (worked(cache, rc))
        return true;
    return err_set(err, ERR_DOWN, "memcached: %s", memcached_strerror(cache->nodes, rc));
}

static const char *node_name(const memcached_instance_st *instance, struct arena *arena)
{
    const char *name = memcached_server_name(instance);

    return name[0] == '/' ? arena_printf(arena, "unix:%s", name)
                          : arena_printf(arena, "%s:%u", name, (unsigned)memcached_server_port(instance));
}

size_t cache_nodes(struct cache *cache, struct arena *arena, const struct cache_node **nodesp)
{
    size_t count = cache->nodes != NULL ? memcached_server_count(cache->nodes) : 0;
    struct cache_node *nodes = arena_zalloc(arena, count * sizeof *nodes + 1);
    memcached_stat_st *stats;
    memcached_return_t rc;

    *nodesp = nodes;
    if (count == 0 || nodes == NULL)
        return 0;
    stats = memcached_stat(cache->nodes, NULL, &rc);
    worked(cache, rc);
    for (size_t i = 0; i < count; i++) {
        nodes[i].name = node_name(memcached_server_instance_by_position(cache->nodes, (uint32_t)i), arena);
        if (nodes[i].name == NULL)
            nodes[i].name = "?";
        if (stats == NULL || stats[i].pid <= 0)
            continue;
        nodes[i].up = true;
        nodes[i].items = (int64_t)stats[i].curr_items;
        nodes[i].bytes = (int64_t)stats[i].bytes;
        nodes[i].bytes_max = (int64_t)stats[i].limit_maxbytes;
        nodes[i].hits = (int64_t)stats[i].get_hits;
        nodes[i].misses = (int64_t)stats[i].get_misses;
        nodes[i].evictions = (int64_t)stats[i].evictions;
    }
    memcached_stat_free(cache->nodes, stats);
    return count;
}

bool cache_is_fresh(int64_t read_at_ms, int64_t now_ms, int64_t fresh_s)
{
    int64_t age_ms = now_ms - read_at_ms;

    return age_ms >= -CLOCK_SKEW_MS && age_ms <= fresh_s * 1000;
}
