/* mayflyctl secret: rotates the installation's secret in steps. What was signed before a step stays valid after it. */
#include "ctl/ctl.h"
#include "ctl/secret_file.h"
#include "ctl/table.h"
#include "ctl/workers_user.h"
#include "store/secret_use.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    /* A page that is left open. After more than a day its session has usually ended, so it is loaded again anyway. */
    FORM_KEEP_S = 86400,
    /* Workers named in a message; the others are only counted. */
    NAMED_MAX = 3,
};

static int64_t now_s(const struct ctl *ctl)
{
    return ctl->services.clock->now_ms() / 1000;
}

static bool ask_as_workers(struct ctl *ctl, enum secret_use what, struct db_result *rows, struct err *err)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam(WORKERS_USER) : NULL;
    bool done;

    if (user != NULL && (setegid(user->pw_gid) != 0 || seteuid(user->pw_uid) != 0))
        return err_set(err, ERR_DENIED, "can't become the user " WORKERS_USER);
    done = secret_use_read(ctl->services.sessions.db, &ctl->arena, what, rows, err);
    if (user != NULL && (seteuid(0) != 0 || setegid(0) != 0))
        return err_set(err, ERR_DENIED, "can't become root again");
    return done;
}

/* A worker's connection names itself "mayfly KEY,KEY POOL/PID"; one of a release before that names no keys. */
struct worker {
    char keys[64];
    char name[64];
    const char *host;
};

static bool read_worker(const struct db_result *rows, int row, struct worker *worker)
{
    *worker = (struct worker){.host = db_value(rows, row, SECRET_WORKER_HOST)};
    if (sscanf(db_value(rows, row, SECRET_WORKER_NAME), "mayfly %63s %63s", worker->keys, worker->name) < 2)
        snprintf(worker->name, sizeof worker->name, "one of the release before");
    return strncmp(worker->name, "ctl/", 4) != 0;
}

/*
 * Counts the connections without the key, or with it as the first. text names some of them, and is "" when there is
 * none.
 */
static int find_workers(const struct db_result *rows, const char *key, bool as_first, char *text, size_t size)
{
    size_t length = 0;
    int found = 0;

    text[0] = '\0';
    for (int row = 0; row < rows->rows; row++) {
        struct worker worker;
        const char *at;

        if (!read_worker(rows, row, &worker))
            continue;
        at = strstr(worker.keys, key);
        if (as_first ? at != worker.keys : at != NULL)
            continue;
        if (found++ < NAMED_MAX && length < size)
            length += (size_t)snprintf(text + length, size - length, "%s%s on %s", found > 1 ? ", " : "", worker.name,
                                       worker.host);
    }
    return found;
}

static bool find_key(const struct secret_file *file, const char *name, size_t *key, struct err *err)
{
    char found[SECRET_NAME_BYTES];

    for (*key = 0; *key < file->secret.count; (*key)++) {
        secret_name(&file->secret, *key, found);
        if (strcmp(found, name) == 0)
            return true;
    }
    return err_set(err, ERR_ABSENT, "there is no key %s; mayflyctl secret list shows them", name);
}

static bool read_file(struct ctl *ctl, struct secret_file *file, struct err *err)
{
    return secret_file_read(file, ctl->services.config.secret_file, err);
}

bool secret_list(struct ctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {
        {"KEY", true}, {"STATE", true}, {"SINCE", true}, {"WORKERS WITHOUT IT", true}};
    struct err away = {.kind = ERR_NONE};
    struct secret_file file;
    struct db_result rows;
    struct table table;
    bool known, done = true;

    if (!read_file(ctl, &file, err))
        return false;
    known = ask_as_workers(ctl, SECRET_USE_WORKERS, &rows, &away);
    table_init(&table, &ctl->arena, columns, 4);
    for (size_t i = 0; i < file.secret.count && done; i++) {
        char name[SECRET_NAME_BYTES], since[SECRET_TIME_BYTES], without[256] = "?";

        secret_name(&file.secret, i, name);
        secret_time_format(file.since_s[i], since);
        if (known && find_workers(&rows, name, false, without, sizeof without) == 0)
            snprintf(without, sizeof without, "-");
        done = table_add(&table, (const char *[]){name, secret_state_name(file.states[i]), since, without}, err);
    }
    secret_file_wipe(&file);
    if (!done)
        return false;
    table_print(&table);
    if (!known)
        fprintf(stderr, "mayflyctl secret list: the keys of workers are not known: %s\n", away.detail);
    return true;
}

bool secret_add(struct ctl *ctl, struct err *err)
{
    char name[SECRET_NAME_BYTES];
    struct secret_file file;
    bool done;

    if (!read_file(ctl, &file, err))
        return false;
    for (size_t i = 0; i < file.secret.count; i++) {
        secret_name(&file.secret, i, name);
        if (file.states[i] == SECRET_ADDED)
            return err_set(err, ERR_CONFLICT, "%s was added and has never signed; promote or remove it first", name);
    }
    done = secret_file_add(&file, now_s(ctl), err) && secret_file_write(&file, err);
    secret_name(&file.secret, file.secret.count - 1, name);
    secret_file_wipe(&file);
    if (!done)
        return false;
    puts(name);
    fprintf(stderr,
            "added to %s. Copy the file to every host and run there: mayflyctl deploy\n"
            "When all workers have it: mayflyctl secret promote %s\n",
            ctl->services.config.secret_file, name);
    return true;
}

/* Checks that all workers have a key before any of them signs with it. */
static bool all_have(struct ctl *ctl, const char *name, struct err *err)
{
    struct db_result rows;
    char without[256];
    int found;

    if (!ask_as_workers(ctl, SECRET_USE_WORKERS, &rows, err))
        return false;
    found = find_workers(&rows, name, false, without, sizeof without);
    return found == 0 ||
           err_set(err, ERR_CONFLICT,
                   "%d connections are of workers without %s, which would refuse what it signs: %s%s. Copy the file to "
                   "their hosts, run mayflyctl deploy there, then this again",
                   found, name, without, found > NAMED_MAX ? " …" : "");
}

/* The file, and of it the key that is named; why: it is refused when it is the first one. */
static bool open_key(struct ctl *ctl, const char *why, struct secret_file *file, size_t *key, struct err *err)
{
    const char *name = ctl->arguments[0];

    return read_file(ctl, file, err) && find_key(file, name, key, err) &&
           (*key > 0 || err_set(err, ERR_CONFLICT, "%s %s", name, why));
}

/* Writes the changed file, and prints the new state of the key. */
static bool save(const struct ctl *ctl, struct secret_file *file, const char *told, struct err *err)
{
    bool done = secret_file_write(file, err);

    secret_file_wipe(file);
    if (done)
        fprintf(stderr, "%s %s\n", ctl->arguments[0], told);
    return done;
}

bool secret_promote(struct ctl *ctl, struct err *err)
{
    struct secret_file file;
    size_t key;

    if (!open_key(ctl, "signs already", &file, &key, err) ||
        (ctl->options[OPTION_NOW] == NULL && !all_have(ctl, ctl->arguments[0], err)))
        return false;
    secret_file_promote(&file, key, now_s(ctl));
    return save(
        ctl, &file,
        "signs as soon as its workers are started again. Copy the file to every host and run there: mayflyctl deploy\n"
        "The key before still verifies; mayflyctl secret remove removes it when nothing needs it any more.",
        err);
}

/* Whether nothing that a retired key has signed is still valid. */
static bool may_go(struct ctl *ctl, const struct secret_file *file, size_t key, const char *name, struct err *err)
{
    const struct config *config = &ctl->services.config;
    const struct {
        const char *what;
        int64_t keep_s;
    } rows[] = {{"outcomes of changes", config->outcome_keep_s},
                {"forms", FORM_KEEP_S},
                {"device cookies", config->device_keep_s}};
    struct db_result workers, links;
    char until[SECRET_TIME_BYTES], text[256];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t end_s = file->since_s[key] + rows[i].keep_s;

        secret_time_format(end_s, until);
        if (end_s > now_s(ctl))
            return err_set(err, ERR_CONFLICT,
                           "%s that %s has signed are valid until %s; wait, or say --now and lose them", rows[i].what,
                           name, until);
    }
    if (!ask_as_workers(ctl, SECRET_USE_WORKERS, &workers, err) || !ask_as_workers(ctl, SECRET_USE_LINKS, &links, err))
        return false;
    if (find_workers(&workers, name, true, text, sizeof text) > 0)
        return err_set(err, ERR_CONFLICT, "workers still sign with %s: %s. Run mayflyctl deploy on their hosts first",
                       name, text);
    if (db_number(&links, 0, SECRET_LINKS_COUNT) > 0)
        return err_set(err, ERR_CONFLICT,
                       "%s links of an earlier release need the key that made them, the last one until %s; wait, or "
                       "say --now, which may "
                       "lose them",
                       db_value(&links, 0, SECRET_LINKS_COUNT), db_value(&links, 0, SECRET_LINKS_UNTIL));
    return true;
}

bool secret_remove(struct ctl *ctl, struct err *err)
{
    struct secret_file file;
    size_t key;

    if (!open_key(ctl, "signs; promote another one first", &file, &key, err))
        return false;
    if (file.states[key] == SECRET_RETIRED && ctl->options[OPTION_NOW] == NULL &&
        !may_go(ctl, &file, key, ctl->arguments[0], err))
        return false;
    secret_file_remove(&file, key);
    return save(ctl, &file, "is removed. Copy the file to every host and run there: mayflyctl deploy", err);
}
