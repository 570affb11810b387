#include "prove/route.h"

#include <stdio.h>
#include <string.h>

static bool same_pool(const char *one, const char *other)
{
    size_t length = tally_pool_length(one);

    return tally_pool_length(other) == length && strncmp(one, other, length) == 0;
}

static void note_site(struct route_site *site, const char *worker)
{
    if (site->first[0] == '\0')
        snprintf(site->first, sizeof site->first, "%s", worker);
    site->many_workers = site->many_workers || strcmp(site->first, worker) != 0;
    site->many_pools = site->many_pools || !same_pool(site->first, worker);
}

static void find_sticky(struct tally *tally, const struct route_site *site, struct route_path *path,
                        const char *account)
{
    if (path->found || path->answers < ROUTE_ANSWERS_MIN)
        return;
    if ((!site->many_workers || path->left_worker) && (!site->many_pools || path->left_pool))
        return;
    path->found = true;
    tally_find(tally, FINDING_STICKY, 1, account,
               "all %lld answers to a session came from %s %.*s, while others answer too", (long long)path->answers,
               path->left_worker ? "pool" : "worker",
               (int)(path->left_worker ? tally_pool_length(path->last) : strlen(path->last)), path->last);
}

void route_note(struct tally *tally, struct route_site *site, struct route_path *path, const char *account,
                const char *worker)
{
    if (worker[0] == '\0' || !tally_calm(tally))
        return;
    note_site(site, worker);
    if (path->answers > 0) {
        bool moved = strcmp(path->last, worker) != 0;

        tally->followed++;
        tally->moved += moved;
        path->left_worker = path->left_worker || moved;
        path->left_pool = path->left_pool || !same_pool(path->last, worker);
    }
    snprintf(path->last, sizeof path->last, "%s", worker);
    path->answers++;
    find_sticky(tally, site, path, account);
}

void route_judge(struct tally *tally, const struct route_site *site)
{
    if (tally->found[FINDING_STICKY] > 0 || !site->many_workers || tally->followed < ROUTE_FOLLOWED_MIN ||
        tally->moved * 100 >= tally->followed * ROUTE_MOVED_PERCENT_MIN)
        return;
    tally_find(tally, FINDING_STICKY, 1, "",
               "only %lld of %lld answers came from another worker than the session's one before",
               (long long)tally->moved, (long long)tally->followed);
}
