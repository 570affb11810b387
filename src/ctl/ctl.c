/*
 * mayflyctl: the administrator's tool. A row for each command says how it is called, what it needs and which function
 * runs it.
 */
#include "ctl/ctl.h"

#include "app/paths.h"
#include "app/services.h"
#include "ctl/arguments.h"
#include "ctl/command.h"
#include "ctl/gate_proof.h"
#include "ctl/help.h"
#include "ctl/workers_user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char site_notes[] =
    "ORIGIN is where the site is, such as https://git.example.org or https://example.org/wiki/; a site has up to 8.\n"
    "Each --require is a row of its rules; --rules reads them all from FILE, - for standard input: mayfly-rules(5).\n";

/* clang-format off */
const struct ctl_command ctl_commands[] = {
    {"user", "add", "NAME [--email ADDRESS] [--name TEXT] [--groups A,B] [--generate]", "make an account",
     .run = user_add, .least = 1, .most = 1, .takes = TAKES(EMAIL) | TAKES(NAME) | TAKES(GROUPS) | TAKES(GENERATE),
     .notes = "NAME may be an e-mail address; the account has no username then.\n"},
    {"user", "list", "[--after NAME] [--json]", "list the accounts, oldest first",
     .run = user_list, .takes = TAKES(AFTER) | TAKES(JSON)},
    {"user", "passwd", "NAME [--generate]", "set a new password and end all sessions",
     .run = user_passwd, .least = 1, .most = 1, .takes = TAKES(GENERATE)},
    {"user", "disable", "NAME", "refuse log-ins and end all sessions", .run = user_disable, .least = 1, .most = 1},
    {"user", "delete", "NAME", "close the account and remove all it owns", .run = user_delete, .least = 1, .most = 1,
     .notes = "Its name and address become free and its sessions and links end at once. "
              "Its files are removed later, a bounded\n"
              "number at a time, by idle workers and by mayflyctl sweep.\n"},
    {"user", "enable", "NAME", "accept log-ins again", .run = user_enable, .least = 1, .most = 1},
    {"user", "groups", "NAME A,B,C", "set the groups; '' for none", .run = user_groups, .least = 2, .most = 2,
     .notes = "A group's name is 1 to 64 of the characters A-Z a-z 0-9 . _ : - and an account has at most 64.\n"},
    {"session", "list", "NAME [--json]", "list the sessions of an account",
     .run = session_show, .least = 1, .most = 1, .takes = TAKES(JSON)},
    {"session", "end", "ID | --user NAME", "end one session, or all of an account",
     .run = session_stop, .most = 1, .takes = TAKES(USER)},
    {"invite", NULL, "[--days N]", "make an invitation to register and print it, alone",
     .run = invite_make, .takes = TAKES(DAYS),
     .notes = "It is good for one account. Invitations are needed where registration = invite.\n"},
    {"invitation", "list", "[--json]", "list the invitations that nobody has used, newest first",
     .run = invitation_print_all, .takes = TAKES(JSON)},
    {"invitation", "revoke", "ID", "revoke an invitation", .run = invitation_drop, .least = 1, .most = 1},
    {"key", "add", "NAME LABEL --scopes A,B [--sites A,B] [--days N]", "make a key for a program and print it, alone",
     .run = key_make, .least = 2, .most = 2, .takes = TAKES(SCOPES) | TAKES(SITES) | TAKES(DAYS),
     .notes = "The scopes: gate opens sites whose rules take keys, data the account's document, files uploads and\n"
              "downloads; password makes an app password, which opens sites beside the account's name. The key is\n"
              "printed this once.\n"},
    {"key", "list", "NAME [--json]", "list the keys of an account, newest first",
     .run = key_print_all, .least = 1, .most = 1, .takes = TAKES(JSON)},
    {"key", "revoke", "ID", "revoke a key", .run = key_drop, .least = 1, .most = 1},
    {"config", "show", "", "print every setting with its help", .run = config_show, .need = NEED_CONFIG},
    {"config", "check", "", "check the configuration", .run = config_check},
    {"routes", NULL, "", "print the routes, and who may use each", .run = system_routes, .need = NEED_NO_CONFIG},
    {"sweep", NULL, "", "remove what has expired; run it hourly", .run = system_sweep, .walks = true},
    {"fsck", NULL, "[--repair] [--deep] [--json]", "compare the rows of files with the bytes that are stored",
     .run = files_fsck, .walks = true, .takes = TAKES(REPAIR) | TAKES(DEEP) | TAKES(JSON), .failure = CTL_EXIT_USAGE,
     .notes = "--repair removes objects that belong to no file and corrects wrong counts; "
              "it never touches a file's bytes.\n"
              "With --json each line is one finding.\n"
              "Exit status: 0 nothing is wrong, or all of it was repaired; 1 something is wrong; "
              "2 the check failed.\n"},
    {"files", "list", "NAME [--json]", "list the files of an account, newest first",
     .run = files_list, .walks = true, .least = 1, .most = 1, .takes = TAKES(JSON)},
    {"files", "show", "ID [--json]", "show what is known of a file", .run = files_show, .least = 1, .most = 1,
     .takes = TAKES(JSON)},
    {"files", "move", "[ID] --to BACKEND [--account NAME]", "move files to postgres or s3 while workers serve",
     .run = files_move, .walks = true, .most = 1, .takes = TAKES(TO) | TAKES(ACCOUNT),
     .notes = "Moves all files, those of one account, or one. "
              "Each copy is read again and compared by SHA-256 before the row\n"
              "changes. When the command was stopped, run it again: it continues with the file that it was copying.\n"},
    {"deploy", NULL, "", "restart this host's pools, one after the other", .run = system_deploy, .need = NEED_NO_CONFIG,
     .notes = "Run it as root. Each pool must answer again before the next one is restarted, so no request fails. "
              "The command\n"
              "stops at the first pool that does not come back; "
              "the others keep their workers until these are replaced\n"
              "(worker_max_age_s).\n"},
    {"prove", NULL, "[ARGUMENT ...]", "deprecated: runs mayfly-prove with these arguments",
     .run = system_prove, .need = NEED_NO_CONFIG, .reads_options = true, .failure = CTL_EXIT_USAGE},
    {"top", NULL, "[--once]", "watch the cluster", .run = system_top, .takes = TAKES(ONCE),
     .notes = "It shows the state of the cluster, and the load of each pool and route. "
              "Workers report the load to the address in\n"
              "the setting `statsd`, where this command listens while it runs. Control-C ends it.\n"},
    {"secret", "list", "", "list the keys of the installation's secret, and the workers without them",
     .run = secret_list, .stays_root = true},
    {"secret", "add", "", "add a key that verifies", .run = secret_add, .stays_root = true,
     .notes = "It prints the key's name. This is the first of four steps that no client notices: add, "
              "deploy on every host,\n"
              "promote, deploy again.\n"},
    {"secret", "promote", "KEY [--now]", "sign with another key",
     .run = secret_promote, .stays_root = true, .least = 1, .most = 1, .takes = TAKES(NOW),
     .notes = "It is refused while a worker that is connected to the database does not have the key; "
              "--now skips this check.\n"},
    {"secret", "remove", "KEY [--now]", "remove an old key",
     .run = secret_remove, .stays_root = true, .least = 1, .most = 1, .takes = TAKES(NOW),
     .notes = "It is refused while something that the key has signed is valid; "
              "--now makes that invalid, for a key that has leaked.\n"},
    {"site", "add", "NAME ORIGIN ... --require RULE ... | --rules FILE [--title TEXT] [--order N]",
     "put a site behind the gate",
     .run = site_make, .least = 2, .most = 1 + SITE_ORIGINS_MAX,
     .takes = TAKES(REQUIRE) | TAKES(RULES) | TAKES(TITLE) | TAKES(ORDER), .notes = site_notes},
    {"site", "list", "[--json]", "list the sites", .run = site_print_all, .takes = TAKES(JSON),
     .notes = "Exit status: 1 when the rules of a site were damaged, so that nobody passes there.\n"},
    {"site", "show", "NAME [--json]", "show a site and its rules",
     .run = site_print, .least = 1, .most = 1, .takes = TAKES(JSON)},
    {"site", "edit", "NAME [ORIGIN ...] [--require RULE ... | --rules FILE] [--title TEXT] [--order N]",
     "change a site",
     .run = site_change, .least = 1, .most = 1 + SITE_ORIGINS_MAX,
     .takes = TAKES(REQUIRE) | TAKES(RULES) | TAKES(TITLE) | TAKES(ORDER), .notes = site_notes},
    {"site", "remove", "NAME", "remove a site, so that nobody passes there",
     .run = site_drop, .least = 1, .most = 1},
    {"site", "key", "NAME LABEL", "make a key for the site's own server and print it, alone",
     .run = site_key_make, .least = 2, .most = 2,
     .notes = "With the key, the app of the site keeps its sessions in mayfly, those of all its visitors.\n"
              "The key has no other use. It is printed only once.\n"},
    {"site", "keys", "NAME [--json]", "list the keys of a site's own server, newest first",
     .run = site_key_print_all, .least = 1, .most = 1, .takes = TAKES(JSON)},
    {"site", "revoke", "ID", "revoke a key of a site's own server", .run = site_key_drop, .least = 1, .most = 1},
    {"site", "try", "URL [--user NAME | --key-file FILE] [--factors N] [--method METHOD] [--address ADDRESS]",
     "judge a request by the rules",
     .run = site_try, .least = 1, .most = 1, .failure = CTL_EXIT_USAGE,
     .takes = TAKES(USER) | TAKES(KEY_FILE) | TAKES(FACTORS) | TAKES(METHOD) | TAKES(ADDRESS),
     .notes = "The request is a GET by a visitor who is not logged in, or by NAME, who has just proved N factors "
              "(default: 1),\n"
              "or by a program with the key in the first line of FILE, - for standard input.\n"
              "Exit status: 0 it passes, 1 it does not, 2 it could not be found out.\n"},
    {"gate", "prove", "URL [PATH ...] [--login FILE] [--echo PATH] [--public PATH] [--denied PATH] [--other URL] "
                      "[--expired FILE] [--away COMMAND --back COMMAND] [--json]",
     "attack a live site behind the gate",
     .run = gate_prove, .need = NEED_NO_CONFIG, .stays_root = true, .least = 1, .most = GATE_PATHS_MAX,
     .takes = TAKES(LOGIN) | TAKES(ECHO) | TAKES(PUBLIC) | TAKES(DENIED) | TAKES(OTHER) | TAKES(EXPIRED) | TAKES(AWAY) |
              TAKES(BACK) | TAKES(JSON),
     .failure = CTL_EXIT_USAGE,
     .notes = "URL, and each PATH of the same site, is for people who are logged in; the account of --login may enter\n"
              "at URL. Without --login its name and password are MAYFLY_PROVE_NAME and MAYFLY_PROVE_PASSWORD of the\n"
              "environment. What needs an option that is missing is not asked. A site that lets a guest through gets\n"
              "POST, PUT and DELETE at URL, so point it where these do no harm.\n"
              "Exit status: 0 all that was asked has held; 1 something has not; 2 it could not be asked.\n"},
    {"nginx", "check", "[FILE|-] [--json]", "find what nginx's configuration leaves open",
     .run = nginx_check, .need = NEED_NO_CONFIG, .stays_root = true, .most = 1, .takes = TAKES(JSON),
     .failure = CTL_EXIT_USAGE,
     .notes = "It reads what nginx -T prints: now, or as it was saved in FILE, - for standard input. Each finding has\n"
              "its place, why it matters and what to write instead. Server names are compared with the sites when the\n"
              "database can be asked.\n"
              "Exit status: 0 nothing is open; 1 something is, or can't be judged; 2 it can't be read.\n"},
    {"completion", NULL, "bash|zsh", "print a script that completes mayflyctl's words",
     .run = completion_print, .need = NEED_NO_CONFIG, .least = 1, .most = 1, .choices = "bash zsh",
     .notes = "For one shell: eval \"$(mayflyctl completion bash)\". The package installs both scripts.\n"},
    {"schema", "status", "", "compare the database with this build", .run = schema_status, .failure = CTL_EXIT_USAGE,
     .notes = "Exit status: 0 the schema has what this build needs, 1 it is too old, 2 the check failed.\n"},
};
/* clang-format on */

const size_t ctl_command_count = sizeof ctl_commands / sizeof ctl_commands[0];

const struct ctl_option_row ctl_options[OPTION_COUNT] = {
    [OPTION_ACCOUNT] = {"account", "NAME", "only the files of this account", NULL},
    [OPTION_ADDRESS] = {"address", "ADDRESS", "the client's address", NULL},
    [OPTION_AFTER] = {"after", "NAME", "only accounts that were made after this one", NULL},
    [OPTION_AWAY] = {"away", "COMMAND", "takes the database away", NULL},
    [OPTION_BACK] = {"back", "COMMAND", "brings the database back", NULL},
    [OPTION_DAYS] = {"days", "N", "how many days it is valid", NULL},
    [OPTION_DEEP] = {"deep", NULL, "read every byte and compare SHA-256", NULL},
    [OPTION_DENIED] = {"denied", "PATH", "where the account may not enter", NULL},
    [OPTION_ECHO] = {"echo", "PATH", "where the app answers with what it received", NULL},
    [OPTION_EMAIL] = {"email", "ADDRESS", "the account's e-mail address", NULL},
    [OPTION_EXPIRED] = {"expired", "FILE", "a token of a session that has expired", NULL},
    [OPTION_FACTORS] = {"factors", "N", "the number of factors that are proved", "1 2"},
    [OPTION_GENERATE] = {"generate", NULL, "make a password and print it, alone, to standard output", NULL},
    [OPTION_GROUPS] = {"groups", "A,B", "the account's groups", NULL},
    [OPTION_JSON] = {"json", NULL, "print JSON", NULL},
    [OPTION_KEY_FILE] = {"key-file", "FILE", "the key that comes with the request", NULL},
    [OPTION_LOGIN] = {"login", "FILE", "a name and a password, in two lines, - for standard input", NULL},
    [OPTION_METHOD] = {"method", "METHOD", "the request's method", NULL},
    [OPTION_NAME] = {"name", "TEXT", "the name to display", NULL},
    [OPTION_NOW] = {"now", NULL, "do it although something still needs the old state", NULL},
    [OPTION_ONCE] = {"once", NULL, "print the state once and end", NULL},
    [OPTION_ORDER] = {"order", "N", "the place among other sites, the lowest first", NULL},
    [OPTION_OTHER] = {"other", "URL", "another site where the account may enter", NULL},
    [OPTION_PUBLIC] = {"public", "PATH", "where everybody may enter", NULL},
    [OPTION_REPAIR] = {"repair", NULL, "repair what can be repaired without touching a file", NULL},
    [OPTION_REQUIRE] = {"require", "RULE", "a row of the rules; may be given again", NULL},
    [OPTION_RULES] = {"rules", "FILE", "read the rules from a file, - for standard input", NULL},
    [OPTION_SCOPES] = {"scopes", "A,B", "what it opens: gate, data, files, password", NULL},
    [OPTION_SITES] = {"sites", "A,B", "the sites that it opens; without this option, all", NULL},
    [OPTION_TITLE] = {"title", "TEXT", "the name of the site for people", NULL},
    [OPTION_TO] = {"to", "BACKEND", "postgres or s3", "postgres s3"},
    [OPTION_USER] = {"user", "NAME", "this account", NULL},
};

const char *command_name(const struct ctl_command *command, char name[COMMAND_NAME_BYTES])
{
    snprintf(name, COMMAND_NAME_BYTES, "%s%s%s", command->family, command->verb != NULL ? " " : "",
             command->verb != NULL ? command->verb : "");
    return name;
}

bool command_begins_family(const struct ctl_command *command)
{
    return command == ctl_commands || strcmp(command->family, command[-1].family) != 0;
}

/* Somebody waits for a command, and nobody else for its connection: it may take longer than a worker's. */
enum { CONNECT_LEAST_MS = 5000 };

static bool open_needs(struct ctl *ctl, const struct ctl_command *command, struct err *err)
{
    struct services *services = &ctl->services;

    arena_init(&ctl->arena, ARENA_MAX_BYTES);
    if (command->need == NEED_NO_CONFIG)
        return true;
    if ((!command->stays_root && !workers_user_become(ctl, err)) || !workers_user_find_pgpass(ctl, err))
        return false;
    if (command->need == NEED_CONFIG)
        return config_load(&services->config, ctl->config_path, err);
    if (!services_open(services, ctl->config_path, "ctl", err))
        return false;
    if (services->config.database_connect_ms < CONNECT_LEAST_MS)
        services->config.database_connect_ms = CONNECT_LEAST_MS;
    /* Errors are printed in words; the log's lines would repeat them. */
    services->log.level = LOG_ERROR;
    if (command->walks)
        db_limit(services->sessions.db, (struct db_limits){.statement_ms = services->config.operator_timeout_ms,
                                                           .lock_ms = services->config.database_timeout_ms});
    return true;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.config_path = default_config_path()};
    struct err err = {.kind = ERR_NONE};
    const struct ctl_command *command = NULL;
    int status = arguments_read(&ctl, argc, argv, &command);
    bool done;

    if (status != ARGUMENTS_READ)
        return status;
    done = open_needs(&ctl, command, &err) && command->run(&ctl, &err);
    if (fflush(stdout) != 0 || ferror(stdout))
        done = err_set(&err, ERR_INPUT, "standard output: %s", strerror(errno));
    status = done ? ctl.status : help_complain(&ctl, command, &err);
    arena_free(&ctl.arena);
    services_close(&ctl.services);
    return status;
}
