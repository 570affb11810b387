#include "ctl/password.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* 120 bits, which can't be guessed; 20 characters without padding. */
enum { GENERATED_BYTES = 15 };

/*
 * A terminal that does not show what is typed. Signals are read from a descriptor, so that none ends the process
 * meanwhile.
 */
struct hidden {
    struct termios shown;
    sigset_t unblocked;
    int signals;
};

static bool hide(struct hidden *hidden, struct err *err)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    struct termios quiet;
    sigset_t waiting;

    sigemptyset(&waiting);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaddset(&waiting, signals[i]);
    hidden->signals = signalfd(-1, &waiting, SFD_CLOEXEC);
    if (hidden->signals < 0 || tcgetattr(STDIN_FILENO, &hidden->shown) != 0)
        return err_set(err, ERR_INPUT, "terminal: %s", strerror(errno));
    quiet = hidden->shown;
    quiet.c_lflag = (quiet.c_lflag & ~(tcflag_t)ECHO) | ECHONL;
    sigprocmask(SIG_BLOCK, &waiting, &hidden->unblocked);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    return true;
}

/* A signal that came meanwhile takes effect here: it may end or stop the process. */
static void show(struct hidden *hidden)
{
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden->shown);
    close(hidden->signals);
    sigprocmask(SIG_SETMASK, &hidden->unblocked, NULL);
}

/* Returns false when a signal came first. */
static bool wait_typed(const struct hidden *hidden)
{
    struct pollfd sources[] = {{.fd = hidden->signals, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

    while (poll(sources, 2, -1) < 0 && errno == EINTR)
        continue;
    return sources[0].revents == 0;
}

enum line { LINE_READ, LINE_SIGNAL, LINE_FAILED };

/*
 * Reads byte by byte, since what follows the line is left for the next reader of standard input. hidden: NULL without a
 * terminal.
 */
static enum line read_line(const struct hidden *hidden, struct ctl_password *password, struct err *err)
{
    char byte = '\0';
    ssize_t count;

    password->length = 0;
    for (;;) {
        if (hidden != NULL && !wait_typed(hidden))
            return LINE_SIGNAL;
        count = read(STDIN_FILENO, &byte, 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0 || byte == '\n')
            break;
        if (password->length == PASSWORD_MAX_BYTES) {
            err_set(err, ERR_VALUE, "the password may have at most %d characters", PASSWORD_MAX_CHARACTERS);
            return LINE_FAILED;
        }
        password->text[password->length++] = byte;
    }
    password->text[password->length] = '\0';
    if (count < 0)
        err_set(err, ERR_INPUT, "standard input: %s", strerror(errno));
    else if (count == 0 && password->length == 0)
        err_set(err, ERR_INPUT, "no password was given; nothing was changed");
    else if (utf8_check(password->text, password->length) != password->length)
        err_set(err, ERR_VALUE, "the password is not UTF-8");
    return err->kind == ERR_NONE ? LINE_READ : LINE_FAILED;
}

static bool ask(const char *prompt, struct ctl_password *password, struct err *err)
{
    struct hidden hidden;
    enum line line;

    do {
        if (!hide(&hidden, err))
            return false;
        fputs(prompt, stderr);
        line = read_line(&hidden, password, err);
        show(&hidden);
    } while (line == LINE_SIGNAL);
    return line == LINE_READ;
}

bool ctl_password_ask(struct ctl_password *password, struct err *err)
{
    struct ctl_password again;
    bool same;

    if (!isatty(STDIN_FILENO))
        return read_line(NULL, password, err) == LINE_READ;
    same = ask("New password: ", password, err) && ask("Once more: ", &again, err) &&
           ((again.length == password->length && memcmp(again.text, password->text, again.length) == 0) ||
            err_set(err, ERR_INPUT, "the two passwords differ; nothing was changed"));
    bytes_wipe(&again, sizeof again);
    return same;
}

void ctl_password_generate(struct ctl_password *password)
{
    unsigned char bytes[GENERATED_BYTES];

    _Static_assert(BASE64_TEXT_BYTES(GENERATED_BYTES) <= sizeof password->text, "it fits");
    random_bytes(bytes, sizeof bytes);
    bytes_to_base64(bytes, sizeof bytes, password->text);
    password->length = strlen(password->text);
    bytes_wipe(bytes, sizeof bytes);
}
