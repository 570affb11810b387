#include "store/session_cache.h"

#include "base/buf.h"
#include "store/copy_ttl.h"

#include <string.h>

#define KEY_PREFIX "mfs:"

_Static_assert(sizeof KEY_PREFIX - 1 + UUID_TEXT_BYTES <= CACHE_KEY_BYTES, "a key has room for what it is made of");

enum {
    /* Profile, name, address and groups of one account; more is not cached. */
    TEXT_MAX = 16 * 1024,
};

enum item_kind { ITEM_LEASE = 1, ITEM_ENTRY, ITEM_ENDED, ITEM_KEY };

/*
 * An item. An entry is followed by its four strings, each with its NUL, and a key's entry also by its scopes and sites.
 * The number of the layout is in db/cache_seal.c. The release before never looks up a key, and takes its item for a
 * session that has ended.
 */
struct item {
    struct cache_seal seal;
    uint32_t kind;
    unsigned char nonce[16]; /* of a lease */
    struct uuid account;
    unsigned char hash[TOKEN_HASH_BYTES];
    int64_t read_at_ms;
    int64_t seen_at_ms;
    int64_t idle_ms;
    int64_t expires_at_ms;
};

struct opens {
    uint32_t scopes;
    uint32_t all_sites;
    uint32_t site_count;
};

static struct cache_key key_of(const struct uuid *id)
{
    struct cache_key key = {.text = KEY_PREFIX};

    uuid_format(id, key.text + sizeof KEY_PREFIX - 1);
    return key;
}

/* The next NUL-terminated string of the item, or NULL when it is cut off. */
static const char *next_text(const unsigned char **at, const unsigned char *end)
{
    const char *text = (const char *)*at;
    const unsigned char *nul = memchr(*at, '\0', (size_t)(end - *at));

    if (nul == NULL)
        return NULL;
    *at = nul + 1;
    return text;
}

/* Reads the scopes and sites at the end of a key's item; false when it is cut off. */
static bool read_opens(const unsigned char *at, const unsigned char *end, struct session *session)
{
    struct opens opens;

    if ((size_t)(end - at) < sizeof opens)
        return false;
    memcpy(&opens, at, sizeof opens);
    at += sizeof opens;
    session->is_key = true;
    session->scopes = opens.scopes;
    session->all_sites = opens.all_sites != 0;
    session->site_count = opens.site_count;
    session->sites = (const struct uuid *)at;
    return (size_t)(end - at) == (size_t)opens.site_count * sizeof *session->sites;
}

static enum cached_state read_entry(const struct item *item, const struct cache_item *cached,
                                    struct session_lookup *lookup)
{
    const unsigned char *at = cached->bytes + sizeof *item, *end = cached->bytes + cached->length;
    struct session *session = &lookup->session;

    *session = (struct session){
        .id = lookup->token.id,
        .account = item->account,
        .read_at_ms = item->read_at_ms,
        .seen_at_ms = item->seen_at_ms,
        .idle_ms = item->idle_ms,
        .expires_at_ms = item->expires_at_ms,
    };
    memcpy(session->hash, item->hash, sizeof session->hash);
    if ((session->profile = next_text(&at, end)) == NULL || (session->username = next_text(&at, end)) == NULL ||
        (session->email = next_text(&at, end)) == NULL || (session->groups = next_text(&at, end)) == NULL)
        return CACHED_UNKNOWN;
    return item->kind == ITEM_ENTRY || read_opens(at, end, session) ? CACHED_ENTRY : CACHED_UNKNOWN;
}

/*
 * An item with a wrong seal is replaced like a stale entry. An item of a later release stays; otherwise two releases
 * would keep replacing each other's items.
 */
static enum cached_state state_of_refused(enum cache_trust trust)
{
    return trust == CACHE_NEWER ? CACHED_UNKNOWN : CACHED_REFUSED;
}

static void read_item(const struct cache_item *cached, struct session_lookup *lookup)
{
    struct item item;

    lookup->stamp = cached->stamp;
    lookup->forged = cached->trust == CACHE_FORGED;
    if (cached->trust != CACHE_TRUSTED) {
        lookup->state = state_of_refused(cached->trust);
        return;
    }
    lookup->state = CACHED_UNKNOWN;
    if (cached->length < sizeof item)
        return;
    memcpy(&item, cached->bytes, sizeof item);
    if (item.kind == ITEM_ENTRY || item.kind == ITEM_KEY)
        lookup->state = read_entry(&item, cached, lookup);
    else
        lookup->state = item.kind == ITEM_LEASE ? CACHED_LEASED : CACHED_ENDED;
}

/* The first lookup of the batch for the same session: a page often asks for several things at once. */
static size_t first_alike(struct session_lookup *const *lookups, size_t i)
{
    size_t first = 0;

    while (!uuid_equal(&lookups[first]->token.id, &lookups[i]->token.id))
        first++;
    return first;
}

static void take_over(struct session_lookup *lookup, const struct session_lookup *alike)
{
    lookup->state = alike->state;
    lookup->stamp = alike->stamp;
    lookup->session = alike->session;
}

size_t session_cache_keys(struct session_lookup *const *lookups, size_t count, struct cache_key *keys)
{
    size_t asked = 0;

    for (size_t i = 0; i < count; i++)
        if (first_alike(lookups, i) == i)
            keys[asked++] = key_of(&lookups[i]->token.id);
    return asked;
}

void session_cache_take(struct session_lookup *const *lookups, size_t count, const struct cache_item *items)
{
    size_t read = 0;

    for (size_t i = 0; i < count; i++) {
        size_t first = first_alike(lookups, i);

        if (first != i)
            take_over(lookups[i], lookups[first]);
        else if (items[read].bytes == NULL && items[read].trust == CACHE_TRUSTED)
            lookups[i]->state = CACHED_ABSENT;
        else
            read_item(&items[read], lookups[i]);
        if (first == i)
            read++;
    }
    for (size_t i = 0; i < count; i++)
        if (lookups[i]->state == CACHED_ENTRY && lookups[i]->session.is_key != lookups[i]->is_key)
            lookups[i]->state =
                CACHED_UNKNOWN; /* the id of a key was sent as that of a session, or the other way round */
}

void session_cache_lease(struct cache *cache, struct arena *arena, struct session_lookup *const *lookups, size_t count)
{
    struct item lease = {.kind = ITEM_LEASE}, there;
    struct session_lookup **absent = arena_alloc(arena, count * sizeof *absent);
    struct cache_key *keys = arena_alloc(arena, count * sizeof *keys);
    struct cache_item *found = arena_alloc(arena, count * sizeof *found);
    size_t wanted = 0;

    for (size_t i = 0; i < count; i++) {
        bool first = lookups[i]->state == CACHED_ABSENT && first_alike(lookups, i) == i;

        if (lookups[i]->state != CACHED_ENTRY && lookups[i]->state != CACHED_REFUSED)
            lookups[i]->stamp.cas = 0;
        if (!first || absent == NULL || keys == NULL || found == NULL)
            continue;
        keys[wanted] = key_of(&lookups[i]->token.id);
        absent[wanted++] = lookups[i];
    }
    if (wanted == 0)
        return;
    random_bytes(lease.nonce, sizeof lease.nonce);
    cache_set_and_get(cache, arena, keys, wanted, &lease, sizeof lease, COPY_LEASE_TTL_S, found);
    for (size_t i = 0; i < wanted; i++) {
        if (found[i].bytes == NULL || found[i].length != sizeof there)
            continue;
        memcpy(&there, found[i].bytes, sizeof there);
        if (there.kind != ITEM_LEASE || memcmp(there.nonce, lease.nonce, sizeof there.nonce) != 0)
            continue;
        absent[i]->state = CACHED_LEASED;
        absent[i]->stamp = found[i].stamp;
    }
}

static bool add_opens(struct buf *value, const struct session *session)
{
    const struct opens opens = {
        .scopes = session->scopes, .all_sites = session->all_sites, .site_count = (uint32_t)session->site_count};

    return buf_add(value, &opens, sizeof opens) &&
           (session->site_count == 0 || buf_add(value, session->sites, session->site_count * sizeof *session->sites));
}

static void fill(struct cache *cache, struct arena *arena, const struct session *session, struct cache_stamp stamp)
{
    const char *const texts[] = {session->profile, session->username, session->email, session->groups};
    struct cache_key key = key_of(&session->id);
    struct buf value;
    struct item item = {
        .kind = session->is_key ? ITEM_KEY : ITEM_ENTRY,
        .account = session->account,
        .read_at_ms = session->read_at_ms,
        .seen_at_ms = session->seen_at_ms,
        .idle_ms = session->idle_ms,
        .expires_at_ms = session->expires_at_ms,
    };

    memcpy(item.hash, session->hash, sizeof item.hash);
    buf_init(&value, arena, sizeof item + TEXT_MAX);
    if (!buf_add(&value, &item, sizeof item))
        return;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!buf_add(&value, texts[i], strlen(texts[i]) + 1))
            return;
    if (session->is_key && !add_opens(&value, session))
        return;
    cache_compare_and_set(cache, &key, value.bytes, value.length, COPY_ENTRY_TTL_S, stamp);
}

void session_cache_settle(struct cache *cache, struct arena *arena, struct session_lookup *const *lookups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct session_lookup *lookup = lookups[i];
        const struct cache_key key = key_of(&lookup->token.id);
        size_t good = 0;

        if (lookup->stamp.cas == 0)
            continue;
        while (good < count &&
               (lookups[good]->found != DB_ROW || !uuid_equal(&lookups[good]->token.id, &lookup->token.id)))
            good++;
        if (good < count)
            fill(cache, arena, &lookups[good]->session, lookup->stamp);
        else if (lookup->state == CACHED_LEASED)
            cache_compare_and_remove(cache, &key, lookup->stamp);
    }
}

enum cache_written session_cache_forget(struct cache *cache, const struct session_ids *ids)
{
    struct item tombstone = {.kind = ITEM_ENDED};
    struct cache_losses losses = {.nodes = 0};
    enum cache_written worst = CACHE_WRITTEN;

    for (size_t i = 0; i < ids->count; i++) {
        struct cache_key key = key_of(&ids->ids[i]);
        enum cache_written written =
            cache_set(cache, &key, &tombstone, sizeof tombstone, COPY_TOMBSTONE_TTL_S, &losses);

        worst = written > worst ? written : worst;
    }
    return worst;
}
