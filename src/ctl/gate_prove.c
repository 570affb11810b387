/* mayflyctl gate prove: its options, and what it prints. */
#include "base/json_text.h"
#include "ctl/ctl.h"
#include "ctl/gate_proof.h"
#include "ctl/private_lines.h"
#include "ctl/table.h"
#include "gate/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_BYTES = 8192 };

static const char *const result_words[] = {
    [GATE_HELD] = "held", [GATE_BROKEN] = "BROKEN", [GATE_NOT_ASKED] = "not asked"};
static const char *const result_names[] = {
    [GATE_HELD] = "held", [GATE_BROKEN] = "broken", [GATE_NOT_ASKED] = "not_asked"};

/* --- What is given */

static bool read_login(struct ctl *ctl, struct gate_proof *proof, struct err *err)
{
    const char *path = ctl->options[OPTION_LOGIN], *lines[2];

    if (path != NULL) {
        if (!private_lines_read(&ctl->arena, path, lines, 2, err))
            return false;
        proof->name = lines[0];
        proof->password = lines[1];
        return true;
    }
    proof->name = getenv("MAYFLY_PROVE_NAME");
    proof->password = getenv("MAYFLY_PROVE_PASSWORD");
    return (proof->name != NULL && proof->password != NULL) ||
           ctl_usage(err, "say whose log-in is used: --login FILE, with a name and a password in two lines, or "
                          "MAYFLY_PROVE_NAME and MAYFLY_PROVE_PASSWORD in the environment");
}

static bool read_place(struct ctl *ctl, const char *url, struct gate_place *place, struct err *err)
{
    struct origin origin;
    char text[ORIGIN_TEXT_BYTES];

    if (!origin_of_url(url, &origin, &place->target, err))
        return false;
    origin_format(&origin, text);
    if (place->target[0] != '/')
        place->target = "/";
    place->origin = arena_strdup(&ctl->arena, text);
    return place->origin != NULL || err_memory(err);
}

/* Bytes that end a request's first line are none of a path. */
static bool check_path(const char *option, const char *path, struct err *err)
{
    for (const char *at = path; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7F || *at == '#')
            return ctl_usage(err, "%s: a path has no blanks and no #", option);
    return path[0] == '/' || ctl_usage(err, "%s: a path such as /admin/, not '%.100s'", option, path);
}

static bool read_paths(struct ctl *ctl, struct gate_proof *proof, struct err *err)
{
    static const struct {
        enum ctl_option option;
        const char *name;
    } options[] = {{OPTION_ECHO, "--echo"}, {OPTION_PUBLIC, "--public"}, {OPTION_DENIED, "--denied"}};
    const char **values[] = {&proof->echo, &proof->public_path, &proof->denied};
    const char *own = proof->site.target;

    proof->paths[0] = arena_strndup(&ctl->arena, own, strcspn(own, "?"));
    if (proof->paths[0] == NULL)
        return err_memory(err);
    for (proof->path_count = 1; proof->path_count < GATE_PATHS_MAX && ctl->arguments[proof->path_count] != NULL;
         proof->path_count++) {
        if (!check_path("PATH", ctl->arguments[proof->path_count], err))
            return false;
        proof->paths[proof->path_count] = ctl->arguments[proof->path_count];
    }
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        *values[i] = ctl->options[options[i].option];
        if (*values[i] != NULL && !check_path(options[i].name, *values[i], err))
            return false;
    }
    return check_path("URL", own, err);
}

static bool read_options(struct ctl *ctl, struct gate_proof *proof, struct err *err)
{
    proof->away = ctl->options[OPTION_AWAY];
    proof->back = ctl->options[OPTION_BACK];
    if ((proof->away == NULL) != (proof->back == NULL))
        return ctl_usage(err, "--away and --back belong together");
    return read_place(ctl, ctl->arguments[0], &proof->site, err) && read_paths(ctl, proof, err) &&
           (ctl->options[OPTION_OTHER] == NULL || read_place(ctl, ctl->options[OPTION_OTHER], &proof->other, err)) &&
           (ctl->options[OPTION_EXPIRED] == NULL ||
            private_lines_read(&ctl->arena, ctl->options[OPTION_EXPIRED], &proof->expired, 1, err)) &&
           read_login(ctl, proof, err);
}

/* --- What is printed */

static bool print_text(struct ctl *ctl, const struct gate_rows *rows, struct err *err)
{
    static const struct table_column columns[] = {{"RESULT", true}, {"WHAT", true}, {"CAME", false}};
    enum { COLUMNS = sizeof columns / sizeof columns[0] };
    struct table table;

    table_init(&table, &ctl->arena, columns, COLUMNS);
    for (const struct gate_row *row = rows->first; row != NULL; row = row->next) {
        const char *const cells[COLUMNS] = {result_words[row->result], row->what, row->evidence};

        if (!table_add(&table, cells, err))
            return false;
    }
    table_print(&table);
    return true;
}

static void print_json(const struct gate_rows *rows)
{
    char quoted[JSON_BYTES];

    fputs("{", stdout);
    for (int i = 0; i < GATE_RESULTS; i++)
        printf("\"%s\":%zu,", result_names[i], rows->counts[i]);
    fputs("\"rows\":[", stdout);
    for (const struct gate_row *row = rows->first; row != NULL; row = row->next) {
        printf("%s{\"result\":\"%s\",", row != rows->first ? ",\n" : "\n", result_names[row->result]);
        json_text_quote(quoted, sizeof quoted, row->what);
        printf("\"what\":%s,", quoted);
        json_text_quote(quoted, sizeof quoted, row->evidence);
        printf("\"came\":%s}", quoted);
    }
    puts("]}");
}

/* --- The command */

static bool ask_all(struct gate_proof *proof, struct err *err)
{
    return gate_prove_ways(proof, err) && gate_prove_visitor(proof, err) && gate_prove_paths(proof, err) &&
           gate_prove_requests(proof, err) && gate_prove_cookies(proof, err) && gate_prove_tickets(proof, err) &&
           gate_prove_identity(proof, err) && gate_prove_end(proof, err) && gate_prove_outage(proof, err);
}

bool gate_prove(struct ctl *ctl, struct err *err)
{
    struct gate_proof proof = {.arena = &ctl->arena};
    struct prove_site site = {.worker_header = "X-Mayfly-Worker", .answer_bytes_max = GATE_ANSWER_BYTES};
    const struct gate_rows *rows = &proof.rows;
    bool done;

    ctl->arena.limit_bytes = GATE_PROOF_BYTES;
    if (!read_options(ctl, &proof, err))
        return false;
    site.url = proof.site.origin;
    if (!prove_http_new(&proof.http, &site, 1, err))
        return false;
    done = ask_all(&proof, err);
    prove_http_free(proof.http);
    if (!done)
        return false;
    if (ctl->options[OPTION_JSON] != NULL)
        print_json(rows);
    else if (!print_text(ctl, rows, err))
        return false;
    fprintf(stderr, "mayflyctl gate prove: %zu held, %zu broken, %zu not asked\n", rows->counts[GATE_HELD],
            rows->counts[GATE_BROKEN], rows->counts[GATE_NOT_ASKED]);
    ctl->status = rows->counts[GATE_BROKEN] > 0 ? CTL_FOUND : 0;
    return true;
}
