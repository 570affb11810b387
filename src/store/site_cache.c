#include "store/site_cache.h"

#include "base/buf.h"
#include "base/cursor.h"
#include "base/sha256.h"
#include "gate/rules_form.h"
#include "store/copy_ttl.h"

#include <string.h>

#define KEY_PREFIX "mfg:"

_Static_assert(sizeof KEY_PREFIX - 1 + SITE_BUCKET_BYTES <= CACHE_KEY_BYTES, "a key has room for what it is made of");

enum {
    /* Of all sites of a bucket; with more, each request asks the database. 16 of the longest rules there are. */
    ROWS_MAX_BYTES = 16 * (RULES_FORM_BYTES + 1024),
};

enum item_kind { ITEM_LEASE = 1, ITEM_ENTRY, ITEM_CHANGED };

/* An item; an entry is followed by its rows. */
struct item {
    struct cache_seal seal;
    uint32_t kind;
    unsigned char nonce[16]; /* of a lease */
    int64_t read_at_ms;
};

/* A site at one of its origins; behind it are host, prefix and name, each with its NUL, and the form of its rules. */
struct row {
    uint32_t form_length; /* 0: its rules are damaged */
    uint32_t port;
    uint32_t is_https;
    struct uuid id;
};

static void bucket_of(const char *host, char bucket[SITE_BUCKET_BYTES])
{
    unsigned char digest[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES];

    sha256_of(host, strlen(host), digest);
    sha256_hex(digest, hex);
    memcpy(bucket, hex, SITE_BUCKET_BYTES - 1);
    bucket[SITE_BUCKET_BYTES - 1] = '\0';
}

void site_lookup_init(struct site_lookup *lookup, const struct origin *origin, const char *target)
{
    *lookup = (struct site_lookup){.origin = origin, .target = target};
    bucket_of(origin->host, lookup->bucket);
}

static struct cache_key key_of(const char *bucket)
{
    struct cache_key key = {.text = KEY_PREFIX};

    memcpy(key.text + sizeof KEY_PREFIX - 1, bucket, SITE_BUCKET_BYTES);
    return key;
}

/* --- The cache */

/* The first lookup of the batch for the same bucket. */
static size_t first_alike(struct site_lookup *const *lookups, size_t i)
{
    size_t first = 0;

    while (strcmp(lookups[first]->bucket, lookups[i]->bucket) != 0)
        first++;
    return first;
}

size_t site_cache_keys(struct site_lookup *const *lookups, size_t count, struct cache_key *keys)
{
    size_t asked = 0;

    for (size_t i = 0; i < count; i++)
        if (first_alike(lookups, i) == i)
            keys[asked++] = key_of(lookups[i]->bucket);
    return asked;
}

static void read_item(const struct cache_item *cached, struct site_lookup *lookup)
{
    struct item item;

    lookup->stamp = cached->stamp;
    if (cached->trust != CACHE_TRUSTED) {
        lookup->state = cached->trust == CACHE_NEWER ? CACHED_UNKNOWN : CACHED_REFUSED;
        return;
    }
    lookup->state = CACHED_UNKNOWN;
    if (cached->length < sizeof item)
        return;
    memcpy(&item, cached->bytes, sizeof item);
    lookup->state = item.kind == ITEM_ENTRY ? CACHED_ENTRY : item.kind == ITEM_LEASE ? CACHED_LEASED : CACHED_ENDED;
    lookup->rows = cached->bytes + sizeof item;
    lookup->rows_length = cached->length - sizeof item;
    lookup->read_at_ms = item.read_at_ms;
}

void site_cache_take(struct site_lookup *const *lookups, size_t count, const struct cache_item *items)
{
    size_t read = 0;

    for (size_t i = 0; i < count; i++) {
        size_t first = first_alike(lookups, i);

        if (first != i) {
            lookups[i]->state = lookups[first]->state;
            lookups[i]->stamp = lookups[first]->stamp;
            lookups[i]->rows = lookups[first]->rows;
            lookups[i]->rows_length = lookups[first]->rows_length;
            lookups[i]->read_at_ms = lookups[first]->read_at_ms;
            continue;
        }
        if (items[read].bytes == NULL && items[read].trust == CACHE_TRUSTED)
            lookups[i]->state = CACHED_ABSENT;
        else
            read_item(&items[read], lookups[i]);
        read++;
    }
}

/* Tries to get the lease of a bucket that is absent. */
static void lease(struct cache *cache, struct arena *arena, struct site_lookup *lookup)
{
    const struct cache_key key = key_of(lookup->bucket);
    struct item lease = {.kind = ITEM_LEASE}, there;
    struct cache_item found;

    random_bytes(lease.nonce, sizeof lease.nonce);
    cache_set_and_get(cache, arena, &key, 1, &lease, sizeof lease, COPY_LEASE_TTL_S, &found);
    if (found.bytes == NULL || found.length != sizeof there)
        return;
    memcpy(&there, found.bytes, sizeof there);
    if (there.kind == ITEM_LEASE && memcmp(there.nonce, lease.nonce, sizeof there.nonce) == 0)
        lookup->stamp = found.stamp;
}

/* The lookup whose stamp a fill uses. */
static void ready_fill(struct cache *cache, struct arena *arena, struct site_lookup *lookup)
{
    if (lookup->state == CACHED_ABSENT)
        lease(cache, arena, lookup);
    else if (lookup->state == CACHED_LEASED || lookup->state == CACHED_UNKNOWN)
        lookup->stamp.cas = 0;
}

static void fill(struct cache *cache, struct arena *arena, const struct site_lookup *lookup)
{
    const struct cache_key key = key_of(lookup->bucket);
    struct item item = {.kind = ITEM_ENTRY, .read_at_ms = lookup->read_at_ms};
    struct buf value;

    if (lookup->stamp.cas == 0)
        return;
    buf_init(&value, arena, sizeof item + ROWS_MAX_BYTES);
    if (buf_add(&value, &item, sizeof item) && buf_add(&value, lookup->rows, lookup->rows_length))
        cache_compare_and_set(cache, &key, value.bytes, value.length, COPY_ENTRY_TTL_S, lookup->stamp);
}

enum cache_written site_cache_forget(struct cache *cache, const char *const *hosts, size_t count)
{
    struct item tombstone = {.kind = ITEM_CHANGED};
    struct cache_losses losses = {.nodes = 0};
    enum cache_written worst = CACHE_WRITTEN;

    for (size_t i = 0; i < count; i++) {
        char bucket[SITE_BUCKET_BYTES];
        struct cache_key key;
        enum cache_written written;

        bucket_of(hosts[i], bucket);
        key = key_of(bucket);
        written = cache_set(cache, &key, &tombstone, sizeof tombstone, COPY_TOMBSTONE_TTL_S, &losses);
        worst = written > worst ? written : worst;
    }
    return worst;
}

/* --- The rows of a bucket */

struct read_row {
    struct row row;
    const char *host, *prefix, *name;
    struct rules_form form;
};

static bool next_row(struct cursor *cursor, struct read_row *read)
{
    const unsigned char *bytes = cursor_take(cursor, sizeof read->row);

    if (bytes == NULL)
        return false;
    memcpy(&read->row, bytes, sizeof read->row);
    read->host = cursor_take_text(cursor);
    read->prefix = read->host != NULL ? cursor_take_text(cursor) : NULL;
    read->name = read->prefix != NULL ? cursor_take_text(cursor) : NULL;
    read->form.length = read->row.form_length;
    read->form.bytes = read->name != NULL ? cursor_take(cursor, read->form.length) : NULL;
    return read->form.bytes != NULL;
}

static bool is_at(const struct read_row *read, const struct origin *origin)
{
    return (int)read->row.port == origin->port && (read->row.is_https != 0) == origin->is_https &&
           strcmp(read->host, origin->host) == 0;
}

/* Damaged rules are no error here: the site exists, and nobody passes. */
static bool read_site(struct arena *arena, const struct read_row *read, struct site_pass *site)
{
    struct err fault = {.kind = ERR_NONE};

    *site = (struct site_pass){.id = read->row.id, .name = read->name};
    if (read->form.length > 0 && rules_form_read(arena, &read->form, NULL, &site->rules, &fault))
        return true;
    site->fault = read->form.length > 0 ? arena_strdup(arena, fault.detail) : "the rules are damaged";
    return site->fault != NULL;
}

/* The site that the request asks at, of all in its bucket. */
static void choose(struct arena *arena, struct site_lookup *lookup)
{
    static const struct err damaged = {.kind = ERR_DOWN, .detail = "out of memory for the sites of a bucket"};
    struct cursor cursor = {lookup->rows, lookup->rows + lookup->rows_length};
    const char **prefixes = NULL;
    struct read_row read, *found = NULL;
    int count = 0, chosen;

    while (next_row(&cursor, &read))
        count += is_at(&read, lookup->origin);
    lookup->found = DB_NONE;
    if (count == 0)
        return;
    lookup->found = DB_FAIL;
    lookup->failure = &damaged;
    prefixes = arena_alloc(arena, (size_t)count * sizeof *prefixes);
    found = arena_alloc(arena, (size_t)count * sizeof *found);
    if (prefixes == NULL || found == NULL)
        return;
    cursor.at = lookup->rows;
    for (count = 0; next_row(&cursor, &read);)
        if (is_at(&read, lookup->origin)) {
            prefixes[count] = read.prefix;
            found[count++] = read;
        }
    chosen = origin_choose(prefixes, count, lookup->target);
    if (chosen < 0)
        lookup->found = DB_NONE;
    else if (read_site(arena, &found[chosen], &lookup->site))
        lookup->found = DB_ROW;
}

/* --- The database */

enum column { BUCKET, READ_AT, HOST, PORT, HTTPS, PREFIX, ID, NAME, RULES, FORM };

static bool write_row(struct arena *arena, const struct db_result *rows, int at, struct buf *out, struct err *err)
{
    const char *const texts[] = {db_value(rows, at, HOST), db_value(rows, at, PREFIX), db_value(rows, at, NAME)};
    struct err fault = {.kind = ERR_NONE};
    struct rules_form form;
    struct rules ignored;
    struct row row = {.port = (uint32_t)db_number(rows, at, PORT), .is_https = db_flag(rows, at, HTTPS)};

    if (!db_id(rows, at, ID, &row.id, err))
        return false;
    form.bytes = db_parse_bytes(arena, db_value(rows, at, FORM), &form.length);
    if (form.bytes == NULL)
        return err_memory(err);
    /* Compares the form with the text here, since the text is not cached. */
    if (!rules_form_read(arena, &form, db_value(rows, at, RULES), &ignored, &fault))
        form.length = 0;
    row.form_length = (uint32_t)form.length;
    if (!buf_add(out, &row, sizeof row))
        return err_memory(err);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!buf_add(out, texts[i], strlen(texts[i]) + 1))
            return err_memory(err);
    return buf_add(out, form.bytes, form.length) || err_memory(err);
}

/* Makes an item of the rows of this lookup's bucket. */
static bool write_bucket(struct arena *arena, const struct db_result *rows, struct site_lookup *lookup, struct err *err)
{
    struct buf out;

    buf_init(&out, arena, SIZE_MAX);
    for (int row = 0; row < rows->rows; row++) {
        if (strcmp(db_value(rows, row, BUCKET), lookup->bucket) != 0)
            continue;
        lookup->read_at_ms = db_number(rows, row, READ_AT);
        if (!db_is_null(rows, row, HOST) && !write_row(arena, rows, row, &out, err))
            return false;
    }
    lookup->rows = (const unsigned char *)out.bytes;
    lookup->rows_length = out.length;
    return true;
}

static bool read_buckets(struct session_store *store, struct arena *arena, struct site_lookup *const *lookups,
                         size_t count, struct err *err)
{
    const char **buckets = arena_alloc(arena, count * sizeof *buckets);
    struct db_result rows;
    size_t asked = 0;

    if (buckets == NULL)
        return err_memory(err);
    for (size_t i = 0; i < count; i++)
        if (first_alike(lookups, i) == i) {
            ready_fill(store->cache, arena, lookups[i]);
            buckets[asked++] = lookups[i]->bucket;
        }
    if (db_query(store->db, arena, sql_sites_in((struct db_texts){buckets, asked}), &rows, err) == DB_FAIL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct site_lookup *alike = lookups[first_alike(lookups, i)];

        if (alike == lookups[i]) {
            if (!write_bucket(arena, &rows, lookups[i], err))
                return false;
            fill(store->cache, arena, lookups[i]);
        }
        lookups[i]->rows = alike->rows;
        lookups[i]->rows_length = alike->rows_length;
    }
    return true;
}

static bool usable(const struct session_store *store, const struct site_lookup *lookup)
{
    return lookup->state == CACHED_ENTRY &&
           cache_is_fresh(lookup->read_at_ms, store->clock->now_ms(), store->config->site_fresh_s);
}

static void fail_all(struct site_lookup *const *lookups, size_t count, const struct err *failure)
{
    for (size_t i = 0; i < count; i++) {
        lookups[i]->found = DB_FAIL;
        lookups[i]->failure = failure;
    }
}

void sites_find_taken(struct session_store *store, struct arena *arena, struct site_lookup *const *lookups,
                      size_t count)
{
    static const struct err out_of_memory = {.kind = ERR_DOWN, .detail = "out of memory"};
    struct site_lookup **missing = arena_alloc(arena, count * sizeof *missing);
    struct err *failure = arena_zalloc(arena, sizeof *failure);
    size_t missed = 0;

    if (missing == NULL || failure == NULL) {
        fail_all(lookups, count, &out_of_memory);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        lookups[i]->from_cache = usable(store, lookups[i]);
        if (!lookups[i]->from_cache)
            missing[missed++] = lookups[i];
    }
    if (missed > 0 && !read_buckets(store, arena, missing, missed, failure))
        fail_all(missing, missed, failure);
    else
        missed = 0;
    for (size_t i = 0; i < count; i++)
        if (missed == 0 || lookups[i]->from_cache)
            choose(arena, lookups[i]);
}
