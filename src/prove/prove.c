/* mayfly-prove: from its options to its report. */
#include "prove/prove.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "prove/play.h"
#include "prove/run.h"
#include "prove/virtual_user.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SCRATCH_BYTES = 4 * 1024 * 1024, /* jansson's tree of an answer of PROVE_BODY_BYTES */
    RENAME_US = 4 * 1000,            /* changed when the run succeeds */
};

enum { EXIT_NOT_PROVEN = 1, EXIT_UNUSABLE = 2 };

/* --- the beginning */

/* Sends one request before the run; its answer is valid until the next. */
static bool ask_alone(struct run *run, const struct prove_request *request, struct prove_answer *answer,
                      struct err *err)
{
    size_t slot;

    if (!prove_http_send(run->prove.http, 0, request, err))
        return false;
    while (!prove_http_next(run->prove.http, &slot, answer))
        if (!prove_http_wait(run->prove.http, NULL, 0, 1000, err))
            return false;
    return true;
}

static bool look_at_site(struct run *run, struct err *err)
{
    const struct prove_request live = {.method = "GET", .path = "/health/live"};
    const struct prove_request upload = {.method = "POST", .path = "/upload"};
    const struct prove_request key = {.method = "POST", .path = "/keys"};
    struct prove_answer answer;

    if (!ask_alone(run, &live, &answer, err))
        return false;
    if (answer.status == 0)
        return err_set(err, ERR_DOWN, "%.150s does not answer: %.150s", run->options->url, answer.trouble);
    if (answer.status != 200)
        return err_set(err, ERR_DOWN, "%.150s/health/live answers %ld; check that mayfly runs there", run->options->url,
                       answer.status);
    run->prove.site_url = run->options->site_url;
    if (!ask_alone(run, &key, &answer, err))
        return false;
    run->prove.keys = answer.status != 404 && answer.status != 405;
    run->prove.upload = run->options->upload == UPLOAD_YES;
    if (run->options->upload != UPLOAD_AUTO)
        return true;
    if (!ask_alone(run, &upload, &answer, err))
        return false;
    run->prove.upload = answer.status != 404 && answer.status != 405;
    return true;
}

static void name_users(struct prove *prove)
{
    for (size_t i = 0; i < prove->user_count; i++) {
        snprintf(prove->users[i].name, LEDGER_NAME_BYTES, "prove-%s-%zu", prove->run, i + 1);
        prove->users[i].profile.first = prove->documents++ * DOCUMENT_NUMBERS;
        /* Each client has some of both. */
        prove->users[i].renames = (i / prove->client_count + i % prove->client_count) % 2 == 0;
    }
}

static void start_random(struct prove *prove, int64_t seed)
{
    uint64_t state;

    random_bytes(&state, sizeof state);
    if (seed >= 0)
        state = (uint64_t)seed * 0x9E3779B97F4A7C15ULL;
    prove->random = state != 0 ? state : 1; /* 0 would stay 0 */
}

/* Accounts of mayfly, and the clients that use them. */
static bool make_clients(struct prove *prove, const struct prove_options *options, struct err *err)
{
    prove->play = &clients_play;
    prove->user_count = (size_t)options->users;
    prove->client_count = (size_t)options->clients;
    prove->users = calloc(prove->user_count, sizeof *prove->users);
    prove->clients = calloc(prove->client_count, sizeof *prove->clients);
    if (prove->users == NULL || prove->clients == NULL)
        return err_memory(err);
    name_users(prove);
    for (size_t i = 0; i < prove->client_count; i++)
        prove->clients[i].number = i;
    prove->rename_us = RENAME_US;
    return true;
}

static void name_run(struct prove *prove)
{
    unsigned char random[(PROVE_RUN_BYTES - 1) / 2], secret[(PROVE_SECRET_BYTES - 1) / 2];

    random_bytes(random, sizeof random);
    bytes_to_hex(random, sizeof random, prove->run);
    random_bytes(secret, sizeof secret);
    bytes_to_hex(secret, sizeof secret, prove->secret);
}

/* mayfly answers /health/live. Any other application has to answer anything at all. */
static bool look_at_application(struct run *run, struct err *err)
{
    const struct prove_request request = {.method = "GET", .path = "/"};
    struct prove_answer answer;

    if (run->prove.virtual_users->copies != NULL)
        return true;
    return ask_alone(run, &request, &answer, err) &&
           (answer.status != 0 || answer.is_nonsense ||
            err_set(err, ERR_DOWN, "%.150s does not answer: %.150s", run->options->url, answer.trouble));
}

/* ^C ends the process at once as long as there is nothing to undo. Copies of a program have to be ended first. */
static bool begin(struct run *run, struct err *err)
{
    const struct prove_options *options = run->options;
    struct prove *prove = &run->prove;
    struct prove_site site = {
        .url = options->url, .worker_header = "X-Mayfly-Worker", .answer_bytes_max = PROVE_BODY_BYTES};

    if (options->scenario_path == NULL)
        return make_clients(prove, options, err) &&
               prove_http_new(&prove->http, &site, prove->client_count * PROVE_LANES, err) && look_at_site(run, err) &&
               run_watch_signals(run, err);
    if ((options->command != NULL && !run_watch_signals(run, err)) || !virtual_users_open(prove, options, err))
        return false;
    run->hook.copies = prove->virtual_users->copies;
    site.answer_bytes_max = PROVE_ANSWER_BYTES;
    if (prove->virtual_users->scenario->worker_header != NULL)
        site.worker_header = prove->virtual_users->scenario->worker_header;
    return prove_http_new(&prove->http, &site, prove->client_count, err) && look_at_application(run, err) &&
           (options->command != NULL || run_watch_signals(run, err));
}

static bool set_up(struct run *run, struct err *err)
{
    if (!random_start())
        return err_set(err, ERR_DOWN, "libsodium does not start");
    arena_init(&run->prove.scratch, SCRATCH_BYTES);
    name_run(&run->prove);
    start_random(&run->prove, run->options->seed);
    run->tty = isatty(STDERR_FILENO) != 0;
    signal(SIGPIPE, SIG_IGN);
    return begin(run, err);
}

static void tear_down(struct run *run)
{
    hook_free(&run->hook);
    prove_http_free(run->prove.http);
    virtual_users_close(&run->prove);
    if (run->signals >= 0)
        close(run->signals);
    arena_free(&run->prove.scratch);
    bytes_wipe(run->prove.secret, sizeof run->prove.secret);
    free(run->prove.users);
    free(run->prove.clients);
}

/* --- the end */

static bool close_report(FILE *file, const char *path, struct err *err)
{
    bool ok = ferror(file) == 0;

    ok = fclose(file) == 0 && ok;
    return ok || err_set(err, ERR_DOWN, "%.200s can't be written: %s", path, strerror(errno));
}

static bool report(const struct run *run, FILE *json, FILE *html, struct err *err)
{
    prove_report_table(&run->prove, stdout);
    if (json != NULL && !prove_report_json(&run->prove, run->options, json, err))
        return false;
    return html == NULL || prove_report_html(&run->prove, run->options, html, err);
}

/* Before the run, so that a file that can't be written is found out first. */
static bool open_report(FILE **filep, const char *path, struct err *err)
{
    *filep = path != NULL ? fopen(path, "we") : NULL;
    return path == NULL || *filep != NULL || err_set(err, ERR_INPUT, "%.200s: %s", path, strerror(errno));
}

static bool prove_and_report(struct run *run, struct err *err)
{
    FILE *json = NULL, *html = NULL;
    bool done = open_report(&json, run->options->json_path, err) && open_report(&html, run->options->html_path, err) &&
                set_up(run, err) && run_go(run, err) && report(run, json, html, err);

    if (json != NULL)
        done = close_report(json, run->options->json_path, err) && done;
    if (html != NULL)
        done = close_report(html, run->options->html_path, err) && done;
    return done;
}

/* Returns the exit status. */
static int complain(const struct err *err, int status)
{
    fprintf(stderr, "mayfly-prove: %s\n", err->detail);
    return status;
}

static int prove_site(struct run *run, const struct prove_options *options)
{
    struct err err = {.kind = ERR_NONE};
    char reason[TALLY_FINDING_BYTES];
    bool done;

    run->options = options;
    run->signals = -1;
    hook_init(&run->hook);
    done = prove_and_report(run, &err);
    tear_down(run);
    /* An error that prevents the run is no verdict on the site. */
    if (!done)
        return complain(&err, EXIT_UNUSABLE);
    if (tally_proven(&run->prove.tally, reason))
        return EXIT_SUCCESS;
    err_set(&err, ERR_CONFLICT, "not proven: %s", reason);
    return complain(&err, EXIT_NOT_PROVEN);
}

/* Returns the exit status. */
static int prove_words(struct run *run, struct prove_options *options, int count, char **words)
{
    struct err err = {.kind = ERR_NONE};

    if (!prove_options_read(options, count, words, &err)) {
        complain(&err, EXIT_UNUSABLE);
        fputs("Try mayfly-prove --help.\n", stderr);
        return EXIT_UNUSABLE;
    }
    if (options->version)
        puts("mayfly-prove " VERSION);
    else if (options->help)
        prove_options_help();
    else
        return prove_site(run, options);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct prove_options *options = calloc(1, sizeof *options);
    struct run *run = calloc(1, sizeof *run);
    struct err err = {.kind = ERR_NONE};
    int status;

    if (options == NULL || run == NULL) {
        err_memory(&err);
        status = complain(&err, EXIT_UNUSABLE);
    } else {
        status = prove_words(run, options, argc, argv);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        err_set(&err, ERR_DOWN, "standard output: %s", strerror(errno));
        status = complain(&err, status != EXIT_SUCCESS ? status : EXIT_UNUSABLE);
    }
    if (options != NULL)
        prove_options_free(options);
    free(run);
    free(options);
    return status;
}
