/*
 * What nginx -T prints: it is read or refused with a reason, within bounds; a tree has its parents, names and lines;
 * and whatever it says, the check ends and what it finds has a place in it.
 */
#include "ctl/nginx_check.h"

#include "fuzz.h"

static int check_tree(const struct nginx_directive *block, int depth)
{
    const struct nginx_directive *last = NULL;
    int count = 0;

    CHECK(depth <= NGINX_DEPTH_MAX + 1);
    for (const struct nginx_directive *one = block->first; one != NULL; one = one->next) {
        CHECK(one->parent == block && one->count >= 1 && one->line >= 1 && one->file != NULL);
        CHECK(one->is_block || one->first == NULL);
        for (const struct nginx_directive *via = one->via; via != NULL; via = via->via)
            CHECK(nginx_is(via, "include"));
        count += 1 + check_tree(one, depth + 1);
        last = one;
    }
    CHECK(block->last == last);
    return count;
}

static bool any_group(void *arg, const char *group, bool *exists, struct err *err)
{
    (void)arg;
    (void)err;
    *exists = group[0] == 's';
    return true;
}

static void check_findings(struct arena *arena, const struct nginx_config *config)
{
    struct nginx_findings findings = {.arena = arena};
    struct err err = {.kind = ERR_NONE};
    struct nginx_site site = {.name = "a",
                              .origin = {.is_https = true, .host = "a.example", .port = 443, .prefix = "/"}};
    struct nginx_sites sites = {.first = &site, .group_exists = any_group};
    struct nginx_model model;
    int count = 0;

    if (!nginx_model_make(arena, config, &model, &err)) {
        CHECK(err.kind == ERR_INPUT && err.detail[0] != '\0');
        return;
    }
    CHECK(nginx_check_locations(&model, &findings, &err) && nginx_check_apps(&model, &findings, &err) &&
          nginx_check_around(&model, &findings, &err) && nginx_check_sites(&model, &sites, &findings, &err));
    for (const struct nginx_finding *one = findings.first; one != NULL; one = one->next, count++)
        CHECK(one->kind < NGINX_KINDS && one->what[0] != '\0' && (one->line > 0) == (one->file[0] != '\0'));
    CHECK(count == findings.count + findings.hints && count <= NGINX_FINDINGS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {.kind = ERR_NONE};
    char *copy = exact(data, size);
    struct nginx_config config;
    struct arena arena;

    arena_init(&arena, NGINX_ARENA_BYTES);
    if (nginx_config_read(&arena, copy, size, "given", &config, &err)) {
        CHECK(check_tree(&config.root, 0) <= NGINX_DIRECTIVES_MAX);
        check_findings(&arena, &config);
    } else
        CHECK(err.kind == ERR_INPUT && err.detail[0] != '\0');
    arena_free(&arena);
    free(copy);
    return 0;
}
