#include "ctl/gate_proof.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- Requests */

/* False when there are too many, or memory is out. */
static bool add_field(const char **fields, size_t *count, const char *field)
{
    if (field == NULL || *count == GATE_FIELDS_MAX)
        return false;
    fields[(*count)++] = field;
    return true;
}

static bool make_fields(struct gate_proof *proof, const struct gate_request *request, const char **fields,
                        size_t *count)
{
    struct arena *arena = proof->arena;
    bool ok = add_field(fields, count, request->navigates ? "Accept: text/html" : "Accept: application/json");

    if (request->navigates)
        ok = ok && add_field(fields, count, "Sec-Fetch-Mode: navigate") &&
             add_field(fields, count, "Sec-Fetch-Dest: document");
    if (request->cookie != NULL)
        ok = ok && add_field(fields, count, arena_printf(arena, "Cookie: %s", request->cookie));
    if (request->bearer != NULL)
        ok = ok && add_field(fields, count, arena_printf(arena, "Authorization: Bearer %s", request->bearer));
    if (request->type != NULL)
        ok = ok && add_field(fields, count, arena_printf(arena, "Content-Type: %s", request->type));
    for (size_t i = 0; ok && i < request->field_count; i++)
        ok = add_field(fields, count, request->fields[i]);
    return ok;
}

bool gate_ask(struct gate_proof *proof, const struct gate_request *request, struct prove_answer *answer,
              struct err *err)
{
    const char *fields[GATE_FIELDS_MAX], *origin = request->origin != NULL ? request->origin : proof->site.origin;
    struct prove_request sent = {.method = request->method != NULL ? request->method : "GET",
                                 .url = arena_printf(proof->arena, "%s/", origin),
                                 .target = request->target != NULL ? request->target : proof->site.target,
                                 .body = request->body,
                                 .length = request->body != NULL ? strlen(request->body) : 0,
                                 .timeout_s = GATE_TIMEOUT_S,
                                 .version = request->version != PROVE_HTTP_ANY ? request->version : PROVE_HTTP_1_1,
                                 .headers = fields};
    size_t slot;

    if (sent.url == NULL || !make_fields(proof, request, fields, &sent.header_count))
        return err_memory(err);
    if (!prove_http_send(proof->http, 0, &sent, err))
        return false;
    while (!prove_http_next(proof->http, &slot, answer))
        if (!prove_http_wait(proof->http, NULL, 0, GATE_TIMEOUT_S * 1000, err))
            return false;
    return true;
}

const char *gate_field(const struct gate_proof *proof, const struct prove_answer *answer, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = answer->head; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1 + strspn(line + length + 1, " \t");

            return arena_strndup(proof->arena, value, strcspn(value, "\n"));
        }
    return NULL;
}

/* --- What an answer says */

bool gate_refused(const struct gate_proof *proof, const struct prove_answer *answer)
{
    const char *link = gate_field(proof, answer, "Link"), *location = gate_field(proof, answer, "Location");

    switch (answer->status) {
    case 401:
        return link != NULL && strstr(link, "rel=\"login\"") != NULL;
    case 303:
        return location != NULL && strstr(location, "/enter?to=") != NULL;
    case 403:
        /* nginx's own 403, for a folder without an index, has no such line. */
        return gate_field(proof, answer, "X-Request-Id") != NULL;
    default:
        return false;
    }
}

const char *gate_told(const struct gate_proof *proof, const struct prove_answer *answer)
{
    const char *location = gate_field(proof, answer, "Location"), *told;

    if (answer->status == 0)
        told = arena_printf(proof->arena, "no answer: %s", answer->trouble);
    else if (location != NULL)
        /* What is behind the question mark opens doors. */
        told = arena_printf(proof->arena, "%ld to %.*s", answer->status, (int)strcspn(location, "?#"), location);
    else
        told = arena_printf(proof->arena, "%ld%s", answer->status,
                            (answer->status == 401 || answer->status == 403) && !gate_refused(proof, answer)
                                ? ", which is not the gate's"
                                : "");
    return told != NULL ? told : "memory is out";
}

/* --- Rows */

bool gate_row(struct gate_proof *proof, enum gate_result result, const char *what, const char *evidence,
              struct err *err)
{
    struct gate_row *row = arena_zalloc(proof->arena, sizeof *row);

    if (row == NULL || what == NULL || evidence == NULL)
        return err_memory(err);
    *row = (struct gate_row){.result = result, .what = what, .evidence = evidence};
    if (proof->rows.last != NULL)
        proof->rows.last->next = row;
    else
        proof->rows.first = row;
    proof->rows.last = row;
    proof->rows.counts[result]++;
    return true;
}

bool gate_row_refused(struct gate_proof *proof, const struct gate_request *request, long also, const char *what,
                      struct err *err)
{
    struct prove_answer answer;

    return gate_ask(proof, request, &answer, err) &&
           gate_row(proof,
                    gate_refused(proof, &answer) || (also != 0 && answer.status == also) ? GATE_HELD : GATE_BROKEN,
                    what, gate_told(proof, &answer), err);
}
