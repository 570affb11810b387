#include "app/page/sites_page.h"

#include "app/gate/gate.h"
#include "app/page/page_limit.h"
#include "app/page/values.h"
#include "store/site.h"

#include <string.h>

/* Judges the rules as for a request to the first address of the site. */
static enum rules_verdict judge(const struct site *site, const char *origin, struct rules_facts facts)
{
    struct err ignored = {.kind = ERR_NONE};
    struct origin place;

    if (site->fault != NULL || !origin_read(origin, &place, &ignored))
        return RULES_FORBIDDEN;
    facts.method = "GET";
    facts.target = place.prefix;
    return rules_judge(&site->judged, &facts).verdict;
}

static bool add_tile(json_t *tiles, const struct site *site, const char *origin, enum rules_verdict verdict)
{
    json_t *tile = json_object();

    return tile != NULL && json_array_append_new(tiles, tile) == 0 &&
           values_set_text(tile, "title", site->title[0] != '\0' ? site->title : site->name) &&
           values_set_text(tile, "address", origin) &&
           json_object_set_new(tile, "proof", json_boolean(verdict == RULES_STEP_UP)) == 0;
}

static bool add_tiles(struct exchange *x, json_t *tiles, const struct site *sites, int count, struct err *err)
{
    struct rules_facts facts;

    if (!gate_facts(x, &facts, err))
        return false;
    for (int i = 0; i < count; i++) {
        const char *origin = arena_strndup(&x->arena, sites[i].origins, strcspn(sites[i].origins, " "));
        enum rules_verdict verdict;

        if (origin == NULL)
            return err_memory(err);
        verdict = judge(&sites[i], origin, facts);
        if (verdict >= RULES_STEP_UP && !add_tile(tiles, &sites[i], origin, verdict))
            return err_memory(err);
    }
    return true;
}

bool sites_page_fill(struct exchange *x, json_t *values, struct err *err)
{
    json_t *tiles = json_array();
    struct err failure = {.kind = ERR_NONE};
    struct site *sites;
    int count;

    if (tiles == NULL || json_object_set_new(values, "sites", tiles) != 0)
        return err_memory(err);
    if (!site_list(x->services->sessions.db, &x->arena, NULL, PAGE_SITES_MAX, &sites, &count, &failure)) {
        if (failure.kind == ERR_DOWN)
            return json_object_set_new(values, "sites_away", json_true()) == 0 || err_memory(err);
        *err = failure;
        return false;
    }
    return add_tiles(x, tiles, sites, count, err) &&
           (json_object_set_new(values, "sites_there", json_boolean(json_array_size(tiles) > 0)) == 0 ||
            err_memory(err));
}
