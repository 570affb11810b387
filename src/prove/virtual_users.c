/* mayfly-prove, the virtual users of a scenario: from its file to its users, and their end. */
#include "prove/prove.h"
#include "prove/virtual_user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    TIMEOUT_MAX_S = 15,
    SCENARIO_MEMORY_BYTES = 64 * 1024 * 1024, /* the tree of SCENARIO_BYTES_MAX */
    /* A request with the largest file and its answer, as JSON and as buffers that grow by doubling. */
    REQUEST_MEMORY_BYTES = 4 * SCENARIO_FILE_BYTES_MAX,
};

static char *read_file(struct arena *arena, const char *path, size_t *length, struct err *err)
{
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? arena_alloc(arena, SCENARIO_BYTES_MAX + 1) : NULL;

    if (file == NULL) {
        err_set(err, ERR_INPUT, "%.200s: %s", path, strerror(errno));
        return NULL;
    }
    /* One byte more than is allowed, so that scenario_parse refuses a longer file. */
    *length = text != NULL ? fread(text, 1, SCENARIO_BYTES_MAX + 1, file) : 0;
    if (text == NULL) {
        err_memory(err);
    } else if (ferror(file)) {
        err_set(err, ERR_INPUT, "%.200s: %s", path, strerror(errno));
        text = NULL;
    }
    fclose(file);
    return text;
}

static bool read_scenario(struct virtual_users *all, const char *path, struct err *err)
{
    struct scenario *scenario = arena_zalloc(&all->arena, sizeof *scenario);
    const char *slash = strrchr(path, '/');
    size_t length;
    char *text = read_file(&all->arena, path, &length, err);

    if (scenario == NULL)
        return err_memory(err);
    if (text == NULL)
        return false;
    all->folder = slash != NULL ? arena_strndup(&all->arena, path, (size_t)(slash - path + (slash == path))) : ".";
    if (all->folder == NULL)
        return err_memory(err);
    all->scenario = scenario;
    return scenario_parse(scenario, &all->arena, path, text, length, err);
}

bool virtual_users_open(struct prove *prove, const struct prove_options *options, struct err *err)
{
    struct virtual_users *all = calloc(1, sizeof *all);

    prove->virtual_users = all;
    if (all == NULL)
        return err_memory(err);
    arena_init(&all->arena, SCENARIO_MEMORY_BYTES);
    all->given = options->variables;
    all->given_count = options->variable_count;
    all->patience_us = options->unavailable_max_s * 1000000;
    all->timeout_s = options->unavailable_max_s < TIMEOUT_MAX_S ? options->unavailable_max_s + 1 : TIMEOUT_MAX_S;
    all->load_us = options->duration_s * 1000000;
    all->url = options->url;
    if (!read_scenario(all, options->scenario_path, err))
        return false;
    if (options->command != NULL && !copies_start(&all->copies, options->command, (size_t)options->copies, err))
        return false;
    prove->client_count = prove->user_count = (size_t)options->users;
    all->users = calloc(prove->client_count, sizeof *all->users);
    if (all->users == NULL)
        return err_memory(err);
    for (size_t i = 0; i < prove->client_count; i++) {
        all->users[i].number = i;
        arena_init(&all->users[i].arena, REQUEST_MEMORY_BYTES);
    }
    prove->play = &virtual_users_play;
    return true;
}

void virtual_users_close(struct prove *prove)
{
    struct virtual_users *all = prove->virtual_users;

    if (all == NULL)
        return;
    for (size_t i = 0; all->users != NULL && i < prove->client_count; i++) {
        for (size_t visit = 0; visit < all->users[i].visit_count; visit++)
            visit_free(&all->users[i].visits[visit]);
        arena_free(&all->users[i].arena);
    }
    free(all->users);
    copies_free(all->copies);
    arena_free(&all->arena);
    free(all);
    prove->virtual_users = NULL;
}
