/*
 * mayflyctl gate prove: addresses that nginx, the gate and the app may read differently, and names of files for which
 * there may be another location.
 */
#include "base/buf.h"
#include "ctl/gate_proof.h"

#include <string.h>

enum { TARGET_BYTES = 4096 };

/* In a spelling '@' stands for the path, '$' for the path without its first slash, and '~' for the path's folder. */
struct spellings {
    const char *what;
    const char *const *list;
    size_t count;
    long also; /* a status of nginx's own, by which it refuses before it looks for a location; 0: none */
};

#define LIST(array) array, sizeof(array) / sizeof(array)[0]

static const char *const as_it_is[] = {"@", "@?gate-prove=1&b=//../"};
static const char *const slashes[] = {"/@", "//@", "/%2f$", "/%2F$", "@%2f", "@//", "\\@"};
static const char *const dots[] = {"/.@", "/x/..@", "/x/./..@", "/mayfly/..@", "/mayfly/static/../..@", "@./", "@x/.."};
static const char *const encoded[] = {
    "/%2e@",     "/x/%2e%2e@", "/x/..%2f$", "/x%2f..%2f$",      "/mayfly/..%2f$", "/mayfly/%2e%2e@", "/mayfly%2f..%2f$",
    "/%2e/%2E@", "@..;/",      "@%2e",      "@%252e%252e%252f", "@..%5c"};
static const char *const names[] = {"~gate-prove.php", "~gate-prove.png",  "~gate-prove.css",   "~gate-prove.js",
                                    "~gate-prove.pdf", "~gate-prove.html", "~x.php/gate-prove", "~gate-prove.PHP"};
static const char *const odd[] = {"@%00", "@%0d%0aX-Auth-User:%20x", "@%c0%ae%c0%ae/", "@?%00"};

static const struct spellings spellings[] = {
    {"as it is", LIST(as_it_is), 0},      {"with // and %2f", LIST(slashes), 400},
    {"with dot segments", LIST(dots), 0}, {"with encoded dots", LIST(encoded), 400},
    {"names of files", LIST(names), 0},   {"with bytes that are none of a path", LIST(odd), 400},
};

static const char *spell(struct gate_proof *proof, const char *spelling, const char *path)
{
    struct buf text;
    bool ok = true;

    buf_init(&text, proof->arena, TARGET_BYTES);
    for (const char *at = spelling; ok && *at != '\0'; at++)
        if (*at == '@')
            ok = buf_add_string(&text, path);
        else if (*at == '$')
            ok = buf_add_string(&text, path + 1);
        else if (*at == '~')
            ok = buf_add(&text, path, (size_t)(strrchr(path, '/') + 1 - path));
        else
            ok = buf_add(&text, at, 1);
    return ok ? text.bytes : NULL;
}

/* One row for all spellings of a kind: the first one that gets through is its evidence. */
static bool prove_kind(struct gate_proof *proof, const struct spellings *kind, const char *who, const char *path,
                       const char *cookie, struct err *err)
{
    const char *what = arena_printf(proof->arena, "%s at %s, %s", who, path, kind->what), *evidence = NULL;
    struct prove_answer answer;

    for (size_t i = 0; i < kind->count; i++) {
        const struct gate_request request = {.target = spell(proof, kind->list[i], path), .cookie = cookie};

        if (request.target == NULL || what == NULL)
            return err_memory(err);
        if (!gate_ask(proof, &request, &answer, err))
            return false;
        if (gate_refused(proof, &answer) || (kind->also != 0 && answer.status == kind->also))
            continue;
        evidence = arena_printf(proof->arena, "GET %s: %s", request.target, gate_told(proof, &answer));
        return gate_row(proof, GATE_BROKEN, what, evidence, err);
    }
    evidence = arena_printf(proof->arena, "%zu refused", kind->count);
    return gate_row(proof, GATE_HELD, what, evidence, err);
}

static bool prove_path(struct gate_proof *proof, const char *who, const char *path, const char *cookie, struct err *err)
{
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        if (!prove_kind(proof, &spellings[i], who, path, cookie, err))
            return false;
    return true;
}

/* From a public path to one that is not: the site's rules judge the address, nginx another reading of it. */
static bool prove_from_public(struct gate_proof *proof, struct err *err)
{
    static const char *const ways[] = {"../@",  "..%2f$",   "%2e%2e@", "%2e%2e%2f$", "..;@",
                                       ".%2e@", "x/../..@", "..%5c$",  "/..@"};
    const char *what = "a guest, out of --public by dots", *evidence;
    struct prove_answer answer;

    if (proof->public_path == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "--public is not given", err);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *out = spell(proof, ways[i], proof->paths[0]);
        struct gate_request request = {.method = NULL};

        request.target = out != NULL ? arena_printf(proof->arena, "%s%s", proof->public_path, out) : NULL;
        if (request.target == NULL)
            return err_memory(err);
        if (!gate_ask(proof, &request, &answer, err))
            return false;
        if (gate_refused(proof, &answer) || answer.status == 400)
            continue;
        evidence = arena_printf(proof->arena, "GET %s: %s", request.target, gate_told(proof, &answer));
        return gate_row(proof, GATE_BROKEN, what, evidence, err);
    }
    evidence = arena_printf(proof->arena, "%zu refused", sizeof ways / sizeof ways[0]);
    return gate_row(proof, GATE_HELD, what, evidence, err);
}

bool gate_prove_paths(struct gate_proof *proof, struct err *err)
{
    for (size_t i = 0; i < proof->path_count; i++)
        if (!prove_path(proof, "a guest", proof->paths[i], NULL, err))
            return false;
    if (!prove_from_public(proof, err))
        return false;
    if (proof->denied == NULL)
        return gate_row(proof, GATE_NOT_ASKED, "the account where it may not enter", "--denied is not given", err);
    if (proof->visitor.cookie == NULL)
        return gate_row(proof, GATE_NOT_ASKED, "the account where it may not enter", "the account does not get in",
                        err);
    return prove_path(proof, "the account", proof->denied, proof->visitor.cookie, err);
}
